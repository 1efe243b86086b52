/*
 * Keeps from an established DTLS association what OpenSSL would end it for. RFC 6347 4.1.2.7 wants invalid records to be
 * dropped silently; OpenSSL 3.0 to 3.5 instead ends the association with an alert
 *
 *   - for an AEAD record that is shorter than nonce and tag, and
 *   - for any record with a wrong MAC where Encrypt-then-MAC (RFC 7366) is in use, NULL suites included,
 *
 * so that one forged datagram, from anybody who can forge a source address, would stop a connection. A record that fails
 * here is cut off together with what follows it in its datagram; one that passes is verified again by OpenSSL. Nothing is
 * ever accepted here.
 */
#include "cordon.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

enum {
  RECORD_HEADER = 13,
  EPOCH_AT = 3,
  LENGTH_AT = 11,
  GCM_OVERHEAD = 24, /* explicit nonce and tag */
  TAG = 16,
  MAC_MAX = 64,
  RANDOM = 32,
  MASTER_SECRET_MAX = 64,
};

/* The MAC key for records from the peer: RFC 5246 6.3, computed by OpenSSL's own PRF. */
static bool derive_key(SSL *ssl, const SSL_CIPHER *cipher, size_t mac_size, uint8_t *out) {
  static const char label[] = "key expansion";
  uint8_t seed[sizeof label - 1 + 2 * RANDOM], block[2 * MAC_MAX], secret[MASTER_SECRET_MAX];
  memcpy(seed, label, sizeof label - 1);
  size_t secret_length = SSL_SESSION_get_master_key(SSL_get_session(ssl), secret, sizeof secret);
  const EVP_MD *prf = SSL_CIPHER_get_handshake_digest(cipher);
  /* Suites older than TLS 1.2 name no hash of their own, and then it is SHA-256 (RFC 5246 5). */
  const char *prf_name = prf == NULL || EVP_MD_get_type(prf) == NID_md5_sha1 ? "SHA256" : EVP_MD_get0_name(prf);
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
  EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)prf_name, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, secret_length),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
      OSSL_PARAM_construct_end(),
  };
  bool is_done = ctx != NULL && secret_length > 0 &&
                 SSL_get_server_random(ssl, seed + sizeof label - 1, RANDOM) == RANDOM &&
                 SSL_get_client_random(ssl, seed + sizeof label - 1 + RANDOM, RANDOM) == RANDOM &&
                 EVP_KDF_derive(ctx, block, 2 * mac_size, params) == 1;
  /* The client's key comes first, and the peer of a server is the client. */
  if (is_done) memcpy(out, block + (SSL_is_server(ssl) ? 0 : mac_size), mac_size);
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
  OPENSSL_cleanse(block, sizeof block);
  OPENSSL_cleanse(secret, sizeof secret);
  return is_done;
}

static EVP_MAC_CTX *make_mac(SSL *ssl, const SSL_CIPHER *cipher, size_t *mac_size) {
  const EVP_MD *digest = EVP_get_digestbynid(SSL_CIPHER_get_digest_nid(cipher));
  if (digest == NULL) return NULL;
  *mac_size = (size_t)EVP_MD_get_size(digest);
  uint8_t key[MAC_MAX];
  if (*mac_size > MAC_MAX || !derive_key(ssl, cipher, *mac_size, key)) return NULL;
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest), 0),
      OSSL_PARAM_construct_end(),
  };
  if (ctx != NULL && EVP_MAC_init(ctx, key, *mac_size, params) != 1) {
    EVP_MAC_CTX_free(ctx);
    ctx = NULL;
  }
  OPENSSL_cleanse(key, sizeof key);
  return ctx;
}

void guard_set(guard *g, SSL *ssl, bool has_etm) {
  const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
  g->is_set = true;
  if (cipher == NULL || SSL_version(ssl) != DTLS1_2_VERSION) return;
  if (SSL_CIPHER_is_aead(cipher)) {
    g->least = SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305 ? TAG : GCM_OVERHEAD;
  } else if (has_etm) {
    g->mac = make_mac(ssl, cipher, &g->least);
    if (g->mac == NULL) g->least = 0;
  }
  ERR_clear_error();
}

void guard_free(guard *g) {
  EVP_MAC_CTX_free(g->mac);
  g->mac = NULL;
}

/* RFC 7366 3: sequence number, type, version, length of what is encrypted, and that. */
static bool has_right_mac(guard *g, const uint8_t *record, size_t length) {
  size_t covered = length - g->least, size = 0;
  uint8_t header[RECORD_HEADER], mac[MAC_MAX];
  memcpy(header, record + EPOCH_AT, 8);
  memcpy(header + 8, record, 3);
  header[11] = (uint8_t)(covered >> 8);
  header[12] = (uint8_t)covered;
  /* Without a key the context begins anew with the one it has. */
  return EVP_MAC_init(g->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(g->mac, header, sizeof header) == 1 &&
         EVP_MAC_update(g->mac, record + RECORD_HEADER, covered) == 1 &&
         EVP_MAC_final(g->mac, mac, &size, sizeof mac) == 1 && size == g->least &&
         CRYPTO_memcmp(mac, record + RECORD_HEADER + covered, size) == 0;
}

size_t guard_check(guard *g, const uint8_t *datagram, size_t length) {
  size_t at = 0;
  while (g->least > 0 && length - at >= RECORD_HEADER) {
    const uint8_t *record = datagram + at;
    size_t content = (size_t)record[LENGTH_AT] << 8 | record[LENGTH_AT + 1];
    if (content > length - at - RECORD_HEADER) break; /* OpenSSL drops it */
    bool is_protected = record[EPOCH_AT] != 0 || record[EPOCH_AT + 1] != 0;
    if (is_protected && (content < g->least || (g->mac != NULL && !has_right_mac(g, record, content)))) return at;
    at += RECORD_HEADER + content;
  }
  return length;
}
