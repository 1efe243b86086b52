{
  "targets": [
    {
      "target_name": "cordon_tls",
      "sources": ["src/addon.c", "src/context.c", "src/guard.c", "src/session.c", "src/socket.c", "src/verify.c"],
      "defines": ["OPENSSL_NO_DEPRECATED"],
      "cflags": ["-std=gnu11", "-fvisibility=hidden", "-fstack-protector-strong", "-Wall", "-Wextra"],
      "ldflags": ["-Wl,-z,now", "-Wl,-z,relro"],
      "xcode_settings": { "GCC_SYMBOLS_PRIVATE_EXTERN": "YES", "CLANG_ENABLE_OBJC_ARC": "NO" }
    }
  ]
}
