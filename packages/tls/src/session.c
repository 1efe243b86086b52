/*
 * One TLS or DTLS session over memory. Bytes come in as a view of the caller's buffer and leave as rows of the arena; the
 * BIO between is ours because it must keep datagrams apart (BIO_s_mem joins them) and hear when OpenSSL sets its timer.
 */
#include "cordon.h"

#include <math.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <winsock2.h>
#else
#include <sys/time.h>
#endif

enum {
  TIMEOUT_MAX_MS = 60000,     /* RFC 6347 4.2.4.1 */
  VIRTUAL_TIMEOUT_US = 25000, /* OpenSSL takes the last 15 ms before its deadline for the deadline */
  DATAGRAM_MAX = 65535,
  READ_ROOM = TLS_RECORD_MAX + 4096,
  SEND_FRAGMENT_MIN = 512,
  UDP_OVERHEAD = 28,
  AEAD_OVERHEAD = 24, /* explicit nonce and tag, which OpenSSL forgets when it fills a datagram with a flight */
};

static int ssl_index = -1;
static BIO_METHOD *bio_method;
static CRYPTO_ONCE prepared = CRYPTO_ONCE_STATIC_INIT;

session *session_of(const SSL *ssl) { return SSL_get_ex_data(ssl, ssl_index); }

/* ---- the BIO ---- */

static int bio_write(BIO *bio, const char *bytes, int length) {
  session *s = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (length <= 0) return 0;
  return row_add_bytes(s->in, ROW_OUTPUT, (const uint8_t *)bytes, (size_t)length, !s->is_dtls) ? length : -1;
}

static int bio_read(BIO *bio, char *out, int size) {
  session *s = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (s->input_length == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t length = s->input_length < (size_t)size ? s->input_length : (size_t)size;
  memcpy(out, s->input, length);
  s->input += length;
  /* What does not fit of a datagram is lost, as with a socket. */
  s->input_length = s->is_dtls ? 0 : s->input_length - length;
  return (int)length;
}

static void timer_changed(session *s, const struct timeval *when) {
  bool is_running = when->tv_sec != 0 || when->tv_usec != 0;
  s->deadline = is_running ? s->now + s->timeout_ms : NAN;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  session *s = BIO_get_data(bio);
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT: timer_changed(s, pointer); return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
    case BIO_CTRL_DGRAM_GET_MTU: return (long)s->mtu;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return UDP_OVERHEAD; /* lets an MTU below 256 stand */
    default: return 0;
  }
}

static void prepare(void) {
  ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cordon");
  if (made == NULL) return;
  BIO_meth_set_write(made, bio_write);
  BIO_meth_set_read(made, bio_read);
  BIO_meth_set_ctrl(made, bio_ctrl);
  bio_method = made;
}

bool prepare_openssl(void) { return CRYPTO_THREAD_run_once(&prepared, prepare) == 1 && ssl_index >= 0 && bio_method; }

/* ---- cookies ---- */

static bool refresh_cookie_secrets(instance *in) {
  int64_t period = (int64_t)time(NULL) / COOKIE_PERIOD;
  if (in->cookie_period == period) return true;
  /* After a long silence, or a clock set back, the older secret is of no use to anybody. */
  bool is_next = in->cookie_period != 0 && period == in->cookie_period + 1;
  memcpy(in->cookie_secrets[1], in->cookie_secrets[0], COOKIE_SECRET_LENGTH);
  if (RAND_bytes(in->cookie_secrets[0], COOKIE_SECRET_LENGTH) != 1) return false;
  if (!is_next && RAND_bytes(in->cookie_secrets[1], COOKIE_SECRET_LENGTH) != 1) return false;
  in->cookie_period = period;
  return true;
}

static bool make_cookie(const session *s, int which, uint8_t out[COOKIE_LENGTH]) {
  unsigned length = 0;
  return HMAC(EVP_sha256(), s->in->cookie_secrets[which], COOKIE_SECRET_LENGTH, s->peer_key, s->peer_key_length, out,
              &length) != NULL &&
         length == COOKIE_LENGTH;
}

int cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *length) {
  session *s = session_of(ssl);
  *length = COOKIE_LENGTH;
  return s != NULL && refresh_cookie_secrets(s->in) && make_cookie(s, 0, cookie);
}

int cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int length) {
  session *s = session_of(ssl);
  if (s == NULL || length != COOKIE_LENGTH || !refresh_cookie_secrets(s->in)) return 0;
  uint8_t expected[COOKIE_LENGTH];
  for (int which = 0; which < 2; which++) {
    if (make_cookie(s, which, expected) && CRYPTO_memcmp(expected, cookie, COOKIE_LENGTH) == 0) return 1;
  }
  return 0;
}

/* ---- pre-shared keys ---- */

static unsigned int psk_for_server(SSL *ssl, const char *identity, unsigned char *key, unsigned int size) {
  session *s = session_of(ssl);
  if (s == NULL || s->ctx == NULL || identity == NULL) return 0;
  size_t length = strlen(identity);
  for (size_t i = 0; i < s->ctx->psk_count; i++) {
    const psk_entry *entry = &s->ctx->psk[i];
    if (entry->identity_length != length || memcmp(entry->identity, identity, length) != 0) continue;
    if (entry->key_length > size) return 0;
    memcpy(key, entry->key, entry->key_length);
    return (unsigned int)entry->key_length;
  }
  return 0;
}

static unsigned int psk_for_client(SSL *ssl, const char *hint, char *identity, unsigned int identity_size,
                                   unsigned char *key, unsigned int size) {
  (void)hint;
  session *s = session_of(ssl);
  if (s == NULL || s->ctx == NULL || s->ctx->psk_count == 0) return 0;
  const psk_entry *entry = &s->ctx->psk[0];
  if (entry->identity_length + 1 > identity_size || entry->key_length > size) return 0;
  memcpy(identity, entry->identity, entry->identity_length + 1);
  memcpy(key, entry->key, entry->key_length);
  return (unsigned int)entry->key_length;
}

/* ---- what OpenSSL tells ---- */

void on_info(const SSL *ssl, int where, int value) {
  session *s = session_of(ssl);
  if (s == NULL || s->ctx == NULL || (where & SSL_CB_ALERT) == 0) return;
  int level = value >> 8, code = value & 0xff;
  if (code == SSL_AD_CLOSE_NOTIFY) return;
  row_add(s->in, ROW_ALERT, (where & SSL_CB_WRITE) != 0, level, code);
}

void on_keylog(const SSL *ssl, const char *line) {
  session *s = session_of(ssl);
  if (s == NULL || s->ctx == NULL || !s->ctx->logs_keys) return;
  row_add_bytes(s->in, ROW_KEYLOG, (const uint8_t *)line, strlen(line), false);
}

/* Hears of extensions in the peer's hello; OpenSSL has no other way to ask for RFC 7366. */
static void on_extension(SSL *ssl, int is_client, int type, const unsigned char *data, int length, void *unused) {
  (void)is_client, (void)data, (void)length, (void)unused;
  session *s = session_of(ssl);
  if (s != NULL && type == TLSEXT_TYPE_encrypt_then_mac) s->saw_etm = true;
}

int on_verify(X509_STORE_CTX *store, void *unused) {
  (void)unused;
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  session *s = ssl == NULL ? NULL : session_of(ssl);
  if (s == NULL || s->ctx == NULL) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    return 0;
  }
  context *ctx = s->ctx;
  const SSL_CIPHER *cipher = SSL_get_pending_cipher(ssl);
  bool is_rsa_exchange = !ctx->is_server && cipher != NULL && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa;
  verify_request request = {
      .trust = &ctx->trust,
      .purpose = ctx->is_server ? PURPOSE_CLIENT : PURPOSE_SERVER,
      .key_usage = is_rsa_exchange ? KU_KEY_ENCIPHERMENT : KU_DIGITAL_SIGNATURE,
      .checks_name = ctx->verify_name,
      .address = s->address,
      .address_length = s->address_length,
      .name = s->name,
  };
  bool is_accepted = verify_certificate(store, &request, &s->verdict);
  if (is_accepted) return 1;
  if (ctx->verify_peer == PEER_NONE) {
    /* Commissioning: the findings are for the caller to read, the peer is accepted. */
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  return 0;
}

/* ---- timer ---- */

static unsigned int on_timer(SSL *ssl, unsigned int previous_us) {
  session *s = session_of(ssl);
  if (previous_us == 0) {
    s->timeout_ms = s->initial_ms;
  } else {
    s->timeout_ms = s->timeout_ms * 2 > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : s->timeout_ms * 2;
  }
  return s->has_virtual_time ? VIRTUAL_TIMEOUT_US : s->timeout_ms * 1000;
}

/* ---- life ---- */

session *session_new(instance *in, shape *shape, problem *out) {
  ERR_clear_error();
  session *s = OPENSSL_zalloc(sizeof *s);
  SSL *ssl = s == NULL ? NULL : SSL_new(shape->ctx);
  BIO *bio = ssl == NULL ? NULL : BIO_new(bio_method);
  if (bio == NULL || SSL_set_ex_data(ssl, ssl_index, s) != 1) {
    take_reason(out->message, sizeof out->message, NULL, NULL);
    out->code = "internal";
    BIO_free(bio);
    SSL_free(ssl);
    OPENSSL_free(s);
    return NULL;
  }
  s->in = in;
  s->ssl = ssl;
  s->deadline = NAN;
  s->state = STATE_HANDSHAKING;
  s->is_dtls = SSL_is_dtls(ssl);
  s->initial_ms = s->timeout_ms = 1000;
  s->mtu = 1400;
  BIO_set_data(bio, s);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  if (s->is_dtls) {
    SSL_set_mtu(ssl, s->mtu - AEAD_OVERHEAD);
    DTLS_set_timer_cb(ssl, on_timer);
  }
  SSL_set_tlsext_debug_callback(ssl, on_extension);
  instance_hold(in);
  in->sessions++;
  return s;
}

static bool set_identity(session *s, const context *ctx) {
  if (ctx->leaf == NULL) return true;
  return SSL_use_certificate(s->ssl, ctx->leaf) == 1 && SSL_use_PrivateKey(s->ssl, ctx->key->as.key) == 1 &&
         (!ctx->sends_chain || ctx->chain == NULL || SSL_set1_chain(s->ssl, ctx->chain) == 1);
}

bool session_configure(session *s, context *ctx, problem *out) {
  SSL *ssl = s->ssl;
  ctx->references++;
  s->ctx = ctx;
  s->initial_ms = s->timeout_ms = ctx->retransmit_ms;
  s->has_virtual_time = ctx->has_virtual_time;
  s->mtu = ctx->mtu;
  /* After DTLSv1_listen the role is set, and setting it again would lose the ClientHello. */
  if (ctx->is_server && s->peer_key_length == 0) SSL_set_accept_state(ssl);
  if (!ctx->is_server) SSL_set_connect_state(ssl);
  if (s->is_dtls) {
    /* Also the size of the write buffer, which a datagram session never gives back. */
    unsigned fragment = ctx->mtu < SEND_FRAGMENT_MIN ? SEND_FRAGMENT_MIN : ctx->mtu;
    SSL_set_mtu(ssl, ctx->mtu - AEAD_OVERHEAD);
    SSL_set_max_send_fragment(ssl, fragment > TLS_RECORD_MAX ? TLS_RECORD_MAX : fragment);
  }
  if (!ctx->resumes) SSL_set_options(ssl, SSL_OP_NO_TICKET);
  int mode = ctx->verify_peer == PEER_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;
  if (ctx->is_server && ctx->verify_peer == PEER_REQUIRE) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_set_verify(ssl, mode, NULL);
  if (ctx->psk_count > 0) {
    if (ctx->is_server) {
      SSL_set_psk_server_callback(ssl, psk_for_server);
    } else {
      SSL_set_psk_client_callback(ssl, psk_for_client);
    }
  }
  /* Resumption ends with the context: sessions carry its id, and OpenSSL refuses those of another. */
  if (SSL_set_session_id_context(ssl, ctx->id, sizeof ctx->id) == 1 && set_identity(s, ctx)) return true;
  out->code = "internal";
  take_reason(out->message, sizeof out->message, NULL, NULL);
  return false;
}

void session_free(session *s) {
  if (s == NULL) return;
  /* Without this OpenSSL takes the session for broken and never resumes it. */
  if (s->was_established && s->state != STATE_FAILED) {
    SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  guard_free(&s->guard);
  SSL_free(s->ssl);
  context_release(s->ctx);
  OPENSSL_free(s->name);
  s->in->sessions--;
  instance_release(s->in);
  OPENSSL_cleanse(s, sizeof *s);
  OPENSSL_free(s);
  ERR_clear_error();
}

bool session_set_peer(session *s, const char *address, const char *name) {
  if (address != NULL) {
    /* A dual-stack socket calls an IPv4 peer ::ffff:a.b.c.d. */
    const char *plain = strncmp(address, "::ffff:", 7) == 0 && strchr(address, '.') != NULL ? address + 7 : address;
    char text[64];
    size_t length = strcspn(plain, "%"); /* the zone of a link-local address is not part of it */
    if (length >= sizeof text) return false;
    memcpy(text, plain, length);
    text[length] = 0;
    ASN1_OCTET_STRING *parsed = a2i_IPADDRESS(text);
    ERR_clear_error();
    if (parsed == NULL) return false;
    s->address_length = (size_t)ASN1_STRING_length(parsed);
    memcpy(s->address, ASN1_STRING_get0_data(parsed), s->address_length);
    ASN1_OCTET_STRING_free(parsed);
  }
  if (name != NULL && (s->name = OPENSSL_strdup(name)) == NULL) return false;
  return true;
}

/* ---- failure ---- */

static const char *code_of(const session *s, int library, int reason) {
  if (reason == ERR_R_MALLOC_FAILURE || reason == ERR_R_INTERNAL_ERROR) return "internal";
  if (library != ERR_LIB_SSL) return "protocol";
  if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) return "peer-alert";
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return verify_code(s->verdict.error);
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "certificate-required";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_WRONG_CIPHER_RETURNED: return "no-shared-suite";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_NO_PROTOCOLS_AVAILABLE: return "wrong-version";
    case SSL_R_PSK_IDENTITY_NOT_FOUND: return "psk-unknown";
    case SSL_R_READ_TIMEOUT_EXPIRED: return "handshake-timeout";
    default: return "protocol";
  }
}

static void fail(session *s) {
  int library, reason;
  take_reason(s->reason, sizeof s->reason, &reason, &library);
  s->code = code_of(s, library, reason);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && library == ERR_LIB_SSL) {
    OPENSSL_strlcpy(s->reason, X509_verify_cert_error_string(s->verdict.error), sizeof s->reason);
  }
  s->state = STATE_FAILED;
  s->deadline = NAN;
  row_add(s->in, ROW_FAILED, 0, 0, 0);
}

/* ---- driving ---- */

static void end_by_peer(session *s) {
  SSL_shutdown(s->ssl);
  ERR_clear_error();
  s->state = STATE_CLOSED;
  s->deadline = NAN;
  row_add(s->in, ROW_CLOSED, 0, 0, 0);
}

/* True where the session goes on and wants more input. */
static bool is_waiting(session *s, int result) {
  switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return true;
    case SSL_ERROR_ZERO_RETURN: end_by_peer(s); return false;
    default: fail(s); return false;
  }
}

/* Reads every record: one datagram may hold several, and the last flight may have to be repeated here. */
static void read_records(session *s) {
  instance *in = s->in;
  while (s->state == STATE_ESTABLISHED) {
    if (in->arena_size - in->arena_used < READ_ROOM) {
      in->has_more = true;
      return;
    }
    /* What OpenSSL may write meanwhile (an alert, a repeated flight) goes behind the place kept for the record. */
    size_t start = in->arena_used, length = 0;
    in->arena_used += TLS_RECORD_MAX;
    ERR_clear_error();
    int result = SSL_read_ex(s->ssl, in->arena + start, TLS_RECORD_MAX, &length);
    if (in->arena_used == start + TLS_RECORD_MAX) in->arena_used = start + length;
    if (result != 1) {
      is_waiting(s, result);
      return;
    }
    row_add_span(in, ROW_DATA, start, length, !s->is_dtls);
  }
}

/* What one record takes at the full MTU. The handshake keeps its own, in case it must repeat its last flight. */
static void measure_message(session *s) {
  SSL_set_mtu(s->ssl, s->mtu);
  s->max_message = DTLS_get_data_mtu(s->ssl);
  SSL_set_mtu(s->ssl, s->mtu - AEAD_OVERHEAD);
}

static void run(session *s) {
  ERR_clear_error();
  if (s->state == STATE_HANDSHAKING) {
    int result = SSL_do_handshake(s->ssl);
    if (result != 1) {
      is_waiting(s, result);
      ERR_clear_error();
      return;
    }
    s->state = STATE_ESTABLISHED;
    s->was_established = true;
    if (s->is_dtls) measure_message(s);
    row_add(s->in, ROW_ESTABLISHED, 0, 0, 0);
  }
  read_records(s);
  ERR_clear_error();
}

void session_start(session *s, double now) {
  s->now = now;
  if (s->state == STATE_HANDSHAKING) run(s);
}

void session_receive(session *s, const uint8_t *bytes, size_t length, double now) {
  s->now = now;
  if (s->state != STATE_HANDSHAKING && s->state != STATE_ESTABLISHED) return;
  if (s->is_dtls && length > DATAGRAM_MAX) return;
  if (s->is_dtls && s->state == STATE_ESTABLISHED) {
    if (!s->guard.is_set) guard_set(&s->guard, s->ssl, s->saw_etm);
    length = guard_check(&s->guard, bytes, length);
  }
  s->input = bytes;
  s->input_length = length;
  run(s);
  s->input = NULL;
  s->input_length = 0;
}

write_result session_write(session *s, const uint8_t *bytes, size_t length, size_t *limit) {
  if (s->state != STATE_ESTABLISHED) return WRITE_NOT_ESTABLISHED;
  if (length == 0) return WRITE_DONE;
  if (s->is_dtls) {
    /* OpenSSL would send it all the same, in a datagram above the MTU. */
    *limit = s->max_message;
    if (length > *limit) return WRITE_TOO_LARGE;
  }
  ERR_clear_error();
  size_t written = 0;
  int result = SSL_write_ex(s->ssl, bytes, length, &written);
  if (result != 1) is_waiting(s, result);
  ERR_clear_error();
  return WRITE_DONE;
}

static void wait_for_timer(session *s, struct timeval left) {
#ifndef _WIN32
  /* Bounded: OpenSSL's clock needs at most VIRTUAL_TIMEOUT_US less the last 15 ms. */
  for (int tries = 0; tries < 50; tries++) {
    struct timespec pause = {0, 1000000};
    if (left.tv_sec == 0 && left.tv_usec == 0) return;
    nanosleep(&pause, NULL);
    if (DTLSv1_get_timeout(s->ssl, &left) != 1) return;
  }
#else
  (void)s, (void)left;
#endif
}

void session_tick(session *s, double now) {
  s->now = now;
  if (isnan(s->deadline) || now < s->deadline || !s->is_dtls) return;
  ERR_clear_error();
  struct timeval left;
  if (DTLSv1_get_timeout(s->ssl, &left) != 1) {
    s->deadline = NAN;
    return;
  }
  if (s->has_virtual_time) {
    wait_for_timer(s, left);
  } else if (left.tv_sec != 0 || left.tv_usec != 0) {
    /* The caller's clock runs ahead of OpenSSL's. */
    s->deadline = now + (double)left.tv_sec * 1000 + (double)left.tv_usec / 1000;
    return;
  }
  if (DTLSv1_handle_timeout(s->ssl) < 0) fail(s);
  ERR_clear_error();
}

void session_close(session *s) {
  if (s->state == STATE_ESTABLISHED) {
    ERR_clear_error();
    SSL_shutdown(s->ssl);
    ERR_clear_error();
  }
  if (s->state != STATE_FAILED) s->state = STATE_CLOSED;
  s->deadline = NAN;
}

void session_abort(session *s) {
  s->state = STATE_FAILED;
  s->deadline = NAN;
}

int session_listen(session *s, const char *peer_key, const uint8_t *datagram, size_t length, double now) {
  size_t key_length = strlen(peer_key);
  if (key_length > PEER_KEY_MAX || length > DATAGRAM_MAX) return 0;
  BIO_ADDR *unused = BIO_ADDR_new();
  if (unused == NULL) return 0;
  memcpy(s->peer_key, peer_key, key_length);
  s->peer_key_length = key_length;
  s->now = now;
  s->input = datagram;
  s->input_length = length;
  ERR_clear_error();
  int result = DTLSv1_listen(s->ssl, unused);
  ERR_clear_error();
  s->input = NULL;
  s->input_length = 0;
  BIO_ADDR_free(unused);
  return result == 1;
}
