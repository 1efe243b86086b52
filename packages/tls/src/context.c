/*
 * Contexts: suites, credentials and policy for the peer. What is equal in several contexts is held once, in the pool of
 * the instance, because one process may run thousands of devices that trust the same authorities.
 */
#include "cordon.h"

#include <stdio.h>
#include <string.h>

/* Signatures of handshakes. At security level 0 OpenSSL would offer SHA-1 and MD5 too. */
#define SIGNATURE_ALGORITHMS                                                                                             \
  "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"

enum {
  PEER_CERTIFICATES_MAX = 64 * 1024, /* bytes of a peer's chain */
  OWN_CERTIFICATES_MAX = 64 * 1024,
  RECENT_BYTES_MAX = 16 * 1024,
};

/* ---- pool ---- */

static pooled **pool_slot(instance *in, pool_kind kind, const uint8_t *digest) {
  pooled **slot = &in->pool[(digest[0] | digest[1] << 8) % POOL_BUCKETS];
  while (*slot != NULL && ((*slot)->kind != kind || memcmp((*slot)->digest, digest, SHA256_DIGEST_LENGTH) != 0)) {
    slot = &(*slot)->next;
  }
  return slot;
}

pooled *pool_find(instance *in, pool_kind kind, const uint8_t *digest) {
  pooled *entry = *pool_slot(in, kind, digest);
  if (entry != NULL) entry->references++;
  return entry;
}

pooled *pool_add(instance *in, pool_kind kind, const uint8_t *digest) {
  pooled *entry = OPENSSL_zalloc(sizeof *entry);
  if (entry == NULL) return NULL;
  entry->references = 1;
  entry->kind = kind;
  memcpy(entry->digest, digest, SHA256_DIGEST_LENGTH);
  *pool_slot(in, kind, digest) = entry;
  in->pool_size++;
  return entry;
}

void pool_release(instance *in, pooled *entry) {
  if (entry == NULL || --entry->references > 0) return;
  pooled **slot = pool_slot(in, entry->kind, entry->digest);
  *slot = entry->next;
  in->pool_size--;
  switch (entry->kind) {
    case POOL_CERTIFICATE: X509_free(entry->as.certificate); break;
    case POOL_KEY: EVP_PKEY_free(entry->as.key); break;
    case POOL_CRL: X509_CRL_free(entry->as.crl); break;
    case POOL_SHAPE:
      session_free(entry->as.shape.spare);
      SSL_CTX_free(entry->as.shape.ctx);
      break;
  }
  OPENSSL_cleanse(entry, sizeof *entry);
  OPENSSL_free(entry);
}

/*
 * What was read lately is kept for a while after its last user: a plant shows the same authorities again and again, and
 * reading a certificate takes longer than checking a signature with it.
 */
static void remember(instance *in, pooled *entry) {
  pooled **place = &in->recent[in->recent_next];
  in->recent_next = (in->recent_next + 1) % RECENT_MAX;
  pool_release(in, *place);
  *place = entry;
  entry->references++;
}

void pool_forget(instance *in) {
  for (size_t i = 0; i < RECENT_MAX; i++) {
    pool_release(in, in->recent[i]);
    in->recent[i] = NULL;
  }
}

size_t pool_unused(const instance *in) {
  size_t count = 0;
  for (size_t i = 0; i < RECENT_MAX; i++) count += in->recent[i] != NULL && in->recent[i]->references == 1;
  return count;
}

/* ---- problems ---- */

void take_reason(char *out, size_t size, int *reason, int *library) {
  unsigned long chosen = 0, error;
  while ((error = ERR_get_error()) != 0) {
    /* What libssl says is about the peer; what lies below it in the queue is about arithmetic. */
    bool is_better = chosen == 0 || (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_LIB(chosen) != ERR_LIB_SSL);
    if (is_better) chosen = error;
  }
  const char *text = chosen == 0 ? NULL : ERR_reason_error_string(chosen);
  snprintf(out, size, "%s", text != NULL ? text : "");
  if (reason != NULL) *reason = chosen == 0 ? 0 : ERR_GET_REASON(chosen);
  if (library != NULL) *library = chosen == 0 ? 0 : ERR_GET_LIB(chosen);
}

static void say(problem *out, const char *code, const char *what, size_t index) {
  char reason[REASON_MAX];
  take_reason(reason, sizeof reason, NULL, NULL);
  char place[64] = "";
  if (index != SIZE_MAX) snprintf(place, sizeof place, "[%zu]", index);
  char *bracket = strstr(what, "[]");
  char text[256];
  if (bracket != NULL) {
    snprintf(text, sizeof text, "%.*s%s%s", (int)(bracket - what), what, place, bracket + 2);
  } else {
    snprintf(text, sizeof text, "%s", what);
  }
  out->code = code;
  snprintf(out->message, sizeof out->message, "%s%s%s%s", text, *reason ? " (" : "", reason, *reason ? ")" : "");
}

/* ---- DER ---- */

static X509 *parse_certificate(view der) {
  const unsigned char *at = der.bytes;
  if (der.length > OWN_CERTIFICATES_MAX) return NULL;
  X509 *certificate = d2i_X509(NULL, &at, (long)der.length);
  if (certificate != NULL && at != der.bytes + der.length) {
    X509_free(certificate);
    return NULL;
  }
  return certificate;
}

static X509_CRL *parse_crl(view der) {
  const unsigned char *at = der.bytes;
  if (der.length > INT32_MAX) return NULL;
  X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.length);
  if (crl != NULL && at != der.bytes + der.length) {
    X509_CRL_free(crl);
    return NULL;
  }
  return crl;
}

static EVP_PKEY *parse_key(view der) {
  const unsigned char *at = der.bytes;
  if (der.length > OWN_CERTIFICATES_MAX) return NULL;
  PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.length);
  if (info == NULL) return NULL;
  EVP_PKEY *key = at == der.bytes + der.length ? EVP_PKCS82PKEY(info) : NULL;
  PKCS8_PRIV_KEY_INFO_free(info);
  return key;
}

static pooled *hold_object(instance *in, pool_kind kind, view der) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(der.bytes, der.length, digest);
  pooled *entry = pool_find(in, kind, digest);
  if (entry != NULL) return entry;
  void *object = kind == POOL_CERTIFICATE ? (void *)parse_certificate(der)
                 : kind == POOL_CRL       ? (void *)parse_crl(der)
                                          : (void *)parse_key(der);
  if (object == NULL || (entry = pool_add(in, kind, digest)) == NULL) {
    if (object != NULL && kind == POOL_CERTIFICATE) X509_free(object);
    if (object != NULL && kind == POOL_CRL) X509_CRL_free(object);
    if (object != NULL && kind == POOL_KEY) EVP_PKEY_free(object);
    return NULL;
  }
  if (kind == POOL_CERTIFICATE) entry->as.certificate = object;
  if (kind == POOL_CRL) entry->as.crl = object;
  if (kind == POOL_KEY) entry->as.key = object;
  /* Keys go with their last user; lists may be large. */
  if (kind != POOL_KEY && der.length <= RECENT_BYTES_MAX) remember(in, entry);
  return entry;
}

X509 *find_certificate(instance *in, view der) {
  pooled *entry = hold_object(in, POOL_CERTIFICATE, der);
  X509 *certificate = entry != NULL && X509_up_ref(entry->as.certificate) == 1 ? entry->as.certificate : NULL;
  pool_release(in, entry);
  return certificate;
}

X509_CRL *find_crl(instance *in, view der) {
  pooled *entry = hold_object(in, POOL_CRL, der);
  X509_CRL *crl = entry != NULL && X509_CRL_up_ref(entry->as.crl) == 1 ? entry->as.crl : NULL;
  pool_release(in, entry);
  return crl;
}

/* ---- suites ---- */

suite_name *list_suites(size_t *count) {
  *count = 0;
  suite_name *list = NULL;
  SSL_CTX *ctx = SSL_CTX_new(TLS_method());
  if (ctx == NULL) return NULL;
  SSL_CTX_set_security_level(ctx, 0);
  if (SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL") == 1) {
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);
    int total = sk_SSL_CIPHER_num(ciphers);
    list = total > 0 ? OPENSSL_zalloc((size_t)total * sizeof *list) : NULL;
    for (int i = 0; list != NULL && i < total; i++) {
      const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
      list[i].id = SSL_CIPHER_get_protocol_id(cipher);
      list[i].name = SSL_CIPHER_get_name(cipher); /* static storage of OpenSSL */
      *count = (size_t)i + 1;
    }
  }
  SSL_CTX_free(ctx);
  return list;
}

static bool append(char *list, size_t size, const char *name) {
  size_t used = strlen(list);
  int wrote = snprintf(list + used, size - used, "%s%s", used > 0 ? ":" : "", name);
  return wrote > 0 && (size_t)wrote < size - used;
}

static bool has_cipher(SSL_CTX *ctx, uint16_t id) {
  STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    if (SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(ciphers, i)) == id) return true;
  }
  return false;
}

static bool set_suites(SSL_CTX *ctx, const context_options *options, problem *out) {
  char older[4096] = "";
  char newer[512] = "";
  size_t count;
  suite_name *known = list_suites(&count);
  bool fits = true;
  for (size_t i = 0; i < options->suite_count; i++) {
    for (size_t k = 0; k < count; k++) {
      if (known[k].id != options->suites[i]) continue;
      bool is_newer = options->suites[i] >> 8 == 0x13;
      fits = fits && append(is_newer ? newer : older, is_newer ? sizeof newer : sizeof older, known[k].name);
      break;
    }
  }
  OPENSSL_free(known);
  if (!fits || (*older == 0 && options->min_version != TLS1_3_VERSION)) {
    say(out, "bad-option", "Option suites: too many, or none for the chosen versions", SIZE_MAX);
    return false;
  }
  /* Without the call the built-in list would stay; with 1.3 suites only, nothing older can be negotiated anyway. */
  if ((*older != 0 && SSL_CTX_set_cipher_list(ctx, older) != 1) ||
      (*newer != 0 && SSL_CTX_set_ciphersuites(ctx, newer) != 1)) {
    ERR_clear_error();
  }
  if (!options->probing && SSL_CTX_set_ciphersuites(ctx, "") != 1) ERR_clear_error();
  for (size_t i = 0; i < options->suite_count; i++) {
    if (has_cipher(ctx, options->suites[i])) continue;
    char text[128];
    snprintf(text, sizeof text, "Suite 0x%04X is refused by this host's crypto policy or OpenSSL build",
             options->suites[i]);
    say(out, "suite-unavailable", text, SIZE_MAX);
    return false;
  }
  return true;
}

/* ---- resumption by session id: kept by the context, so that it ends with it ---- */

static int on_new_session(SSL *ssl, SSL_SESSION *made) {
  session *s = session_of(ssl);
  context *ctx = s == NULL ? NULL : s->ctx;
  unsigned id_length = 0;
  SSL_SESSION_get_id(made, &id_length);
  if (ctx == NULL || ctx->is_closed || !ctx->resumes || !ctx->is_server || id_length == 0) return 0;
  if (ctx->cached == NULL) {
    ctx->cached = OPENSSL_zalloc(CACHED_SESSIONS_MAX * sizeof *ctx->cached);
    if (ctx->cached == NULL) return 0;
  }
  SSL_SESSION_free(ctx->cached[ctx->cached_next]);
  ctx->cached[ctx->cached_next] = made;
  ctx->cached_next = (ctx->cached_next + 1) % CACHED_SESSIONS_MAX;
  return 1; /* the reference is ours */
}

static SSL_SESSION *on_get_session(SSL *ssl, const unsigned char *id, int length, int *copy) {
  session *s = session_of(ssl);
  *copy = 1;
  if (s == NULL || s->ctx == NULL || s->ctx->cached == NULL || s->ctx->is_closed) return NULL;
  for (unsigned i = 0; i < CACHED_SESSIONS_MAX; i++) {
    SSL_SESSION *kept = s->ctx->cached[i];
    if (kept == NULL || !SSL_SESSION_is_resumable(kept)) continue;
    unsigned kept_length = 0;
    const unsigned char *kept_id = SSL_SESSION_get_id(kept, &kept_length);
    if (length >= 0 && kept_length == (unsigned)length && memcmp(kept_id, id, kept_length) == 0) return kept;
  }
  return NULL;
}

static void forget_sessions(context *ctx) {
  if (ctx->cached == NULL) return;
  for (unsigned i = 0; i < CACHED_SESSIONS_MAX; i++) SSL_SESSION_free(ctx->cached[i]);
  OPENSSL_free(ctx->cached);
  ctx->cached = NULL;
}

/* ---- shape ---- */

static bool build_shape(shape *shape, const context_options *options, problem *out) {
  SSL_CTX *ctx = SSL_CTX_new(options->dtls ? DTLS_method() : TLS_method());
  shape->ctx = ctx;
  if (ctx == NULL) {
    say(out, "internal", "OpenSSL could not make a context", SIZE_MAX);
    return false;
  }
  if (SSL_CTX_set_min_proto_version(ctx, options->min_version) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, options->max_version) != 1) {
    say(out, "bad-option", "Option versions: OpenSSL does not have this range", SIZE_MAX);
    return false;
  }
  /* NULL and SHA-1 suites exist at level 0 only. Every list below is explicit, so it widens nothing. */
  SSL_CTX_set_security_level(ctx, 0);
  if (!set_suites(ctx, options, out)) return false;
  if (SSL_CTX_set1_groups_list(ctx, options->groups) != 1) {
    say(out, "bad-option", "Option groups: OpenSSL does not know one of them", SIZE_MAX);
    return false;
  }
  if (!options->probing && SSL_CTX_set1_sigalgs_list(ctx, SIGNATURE_ALGORITHMS) != 1) {
    say(out, "internal", "OpenSSL does not know a signature algorithm", SIZE_MAX);
    return false;
  }
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (options->dtls) SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
  if (options->probing) SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
  SSL_CTX_clear_options(ctx, SSL_OP_NO_ENCRYPT_THEN_MAC | SSL_OP_NO_EXTENDED_MASTER_SECRET);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_max_cert_list(ctx, PEER_CERTIFICATES_MAX);
  SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
  SSL_CTX_set_info_callback(ctx, on_info);
  SSL_CTX_set_keylog_callback(ctx, on_keylog);
  if (options->server) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    SSL_CTX_sess_set_get_cb(ctx, on_get_session);
    SSL_CTX_set_cookie_generate_cb(ctx, cookie_generate);
    SSL_CTX_set_cookie_verify_cb(ctx, cookie_verify);
  } else {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  }
  return true;
}

static pooled *hold_shape(instance *in, const context_options *options, problem *out) {
  char words[96];
  snprintf(words, sizeof words, "%d %d %d %x %x %zu ", options->server, options->dtls, options->probing,
           (unsigned)options->min_version, (unsigned)options->max_version, options->suite_count);
  uint8_t digest[SHA256_DIGEST_LENGTH];
  EVP_MD_CTX *hash = EVP_MD_CTX_new();
  bool is_hashed = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(hash, words, strlen(words)) == 1 &&
                   EVP_DigestUpdate(hash, options->suites, options->suite_count * sizeof *options->suites) == 1 &&
                   EVP_DigestUpdate(hash, options->groups, strlen(options->groups)) == 1 &&
                   EVP_DigestFinal_ex(hash, digest, NULL) == 1;
  EVP_MD_CTX_free(hash);
  pooled *entry = is_hashed ? pool_find(in, POOL_SHAPE, digest) : NULL;
  if (entry != NULL) return entry;
  if (!is_hashed || (entry = pool_add(in, POOL_SHAPE, digest)) == NULL) {
    say(out, "internal", "OpenSSL could not hash", SIZE_MAX);
    return NULL;
  }
  if (build_shape(&entry->as.shape, options, out)) return entry;
  pool_release(in, entry);
  return NULL;
}

/* ---- context ---- */

static X509 *hold_certificate(context *ctx, view der) {
  pooled *entry = hold_object(ctx->in, POOL_CERTIFICATE, der);
  if (entry == NULL) return NULL;
  ctx->held[ctx->held_count++] = entry;
  return entry->as.certificate;
}

static bool add_certificates(context *ctx, STACK_OF(X509) * *stack, const view *ders, size_t count, const char *what,
                             problem *out) {
  if (count == 0) return true;
  *stack = sk_X509_new_reserve(NULL, (int)count);
  for (size_t i = 0; i < count; i++) {
    X509 *certificate = *stack == NULL ? NULL : hold_certificate(ctx, ders[i]);
    if (certificate == NULL || sk_X509_push(*stack, certificate) <= 0) {
      say(out, "bad-certificate", what, i);
      return false;
    }
  }
  return true;
}

static bool add_crls(context *ctx, const context_options *options, problem *out) {
  if (options->crl_count == 0) return true;
  ctx->trust.crls = sk_X509_CRL_new_reserve(NULL, (int)options->crl_count);
  for (size_t i = 0; i < options->crl_count; i++) {
    pooled *entry = ctx->trust.crls == NULL ? NULL : hold_object(ctx->in, POOL_CRL, options->crls[i]);
    if (entry == NULL) {
      say(out, "bad-crl", "Option crls[]: expected one DER certificate revocation list", i);
      return false;
    }
    ctx->held[ctx->held_count++] = entry;
    if (sk_X509_CRL_push(ctx->trust.crls, entry->as.crl) <= 0) {
      say(out, "internal", "Out of memory", SIZE_MAX);
      return false;
    }
  }
  return true;
}

static bool add_identity(context *ctx, const context_options *options, problem *out) {
  if (options->chain_count == 0) {
    if (options->key.bytes == NULL) return true;
    say(out, "bad-option", "Option identity.chain: expected at least the leaf certificate", SIZE_MAX);
    return false;
  }
  size_t total = 0;
  for (size_t i = 0; i < options->chain_count; i++) total += options->chain[i].length;
  if (total > OWN_CERTIFICATES_MAX) {
    say(out, "bad-option", "Option identity.chain: expected at most 64 KiB of certificates", SIZE_MAX);
    return false;
  }
  ctx->leaf = hold_certificate(ctx, options->chain[0]);
  if (ctx->leaf == NULL) {
    say(out, "bad-certificate", "Option identity.chain[]: expected one DER certificate", 0);
    return false;
  }
  if (!add_certificates(ctx, &ctx->chain, options->chain + 1, options->chain_count - 1,
                        "Option identity.chain after the leaf, []: expected one DER certificate", out)) {
    return false;
  }
  ctx->key = hold_object(ctx->in, POOL_KEY, options->key);
  if (ctx->key == NULL) {
    ERR_clear_error(); /* parsers may quote what they read */
    say(out, "bad-key", "Option identity.key: expected an unencrypted PKCS#8 private key in DER", SIZE_MAX);
    return false;
  }
  if (X509_check_private_key(ctx->leaf, ctx->key->as.key) != 1) {
    say(out, "bad-key", "Option identity.key: does not belong to identity.chain[0]", SIZE_MAX);
    return false;
  }
  return true;
}

static bool add_psks(context *ctx, const context_options *options, problem *out) {
  if (options->psk_count == 0) return true;
  ctx->psk = OPENSSL_zalloc(options->psk_count * sizeof *ctx->psk);
  if (ctx->psk == NULL) {
    say(out, "internal", "Out of memory", SIZE_MAX);
    return false;
  }
  ctx->psk_count = options->psk_count;
  for (size_t i = 0; i < options->psk_count; i++) {
    const view *identity = &options->psk_identities[i], *key = &options->psk_keys[i];
    if (identity->length < 1 || identity->length > PSK_IDENTITY_MAX || key->length < 1 || key->length > PSK_KEY_MAX ||
        memchr(identity->bytes, 0, identity->length) != NULL) {
      say(out, "bad-option", "Option psk[]: identity or key has a wrong length", i);
      return false;
    }
    memcpy(ctx->psk[i].identity, identity->bytes, identity->length);
    ctx->psk[i].identity_length = identity->length;
    memcpy(ctx->psk[i].key, key->bytes, key->length);
    ctx->psk[i].key_length = key->length;
  }
  return true;
}

static bool fill(context *ctx, const context_options *options, problem *out) {
  size_t most = options->chain_count + options->anchor_count + options->trusted_count + options->crl_count;
  ctx->held = most == 0 ? NULL : OPENSSL_zalloc(most * sizeof *ctx->held);
  if ((most > 0 && ctx->held == NULL) || RAND_bytes(ctx->id, sizeof ctx->id) != 1) {
    say(out, "internal", "Out of memory or randomness", SIZE_MAX);
    return false;
  }
  ctx->shape = hold_shape(ctx->in, options, out);
  return ctx->shape != NULL && add_identity(ctx, options, out) && add_psks(ctx, options, out) &&
         add_certificates(ctx, &ctx->trust.anchors, options->anchors, options->anchor_count,
                          "Option anchors[]: expected one DER certificate", out) &&
         add_certificates(ctx, &ctx->trust.trusted, options->trusted, options->trusted_count,
                          "Option trusted[]: expected one DER certificate", out) &&
         add_crls(ctx, options, out);
}

context *context_new(instance *in, const context_options *options, problem *out) {
  ERR_clear_error();
  context *ctx = OPENSSL_zalloc(sizeof *ctx);
  if (ctx == NULL) {
    say(out, "internal", "Out of memory", SIZE_MAX);
    return NULL;
  }
  ctx->references = 1;
  ctx->in = in;
  instance_hold(in);
  in->contexts++;
  ctx->is_server = options->server;
  ctx->sends_chain = options->send_chain;
  ctx->resumes = options->resumption;
  ctx->logs_keys = options->key_log;
  ctx->has_virtual_time = options->virtual_time;
  ctx->trust.crl = options->verify_crl;
  ctx->trust.time = options->verify_time;
  ctx->verify_peer = options->verify_peer;
  ctx->verify_name = options->verify_name;
  ctx->mtu = options->mtu;
  ctx->retransmit_ms = options->retransmit_ms;
  if (!fill(ctx, options, out)) {
    context_release(ctx);
    ctx = NULL;
  }
  ERR_clear_error();
  return ctx;
}

void context_close(context *ctx) {
  ctx->is_closed = true;
  forget_sessions(ctx);
}

void context_release(context *ctx) {
  if (ctx == NULL || --ctx->references > 0) return;
  forget_sessions(ctx);
  sk_X509_free(ctx->chain);
  sk_X509_free(ctx->trust.anchors);
  sk_X509_free(ctx->trust.trusted);
  sk_X509_CRL_free(ctx->trust.crls);
  for (size_t i = 0; i < ctx->held_count; i++) pool_release(ctx->in, ctx->held[i]);
  OPENSSL_free(ctx->held);
  pool_release(ctx->in, ctx->key);
  OPENSSL_clear_free(ctx->psk, ctx->psk_count * sizeof *ctx->psk);
  pool_release(ctx->in, ctx->shape);
  ctx->in->contexts--;
  instance_release(ctx->in);
  OPENSSL_free(ctx);
}
