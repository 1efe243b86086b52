/*
 * What the files of this addon share. One thread at a time: an instance belongs to one Node environment, and so does
 * everything reached from it.
 */
#ifndef CORDON_H
#define CORDON_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if OPENSSL_VERSION_MAJOR != 3
#error "The headers of OpenSSL 3 are needed: those that come with Node 18 to 26"
#endif

/* Row kinds, states and policies: the same numbers as in lib/native.ts and lib/context.ts. */
enum { ROW_OUTPUT = 1, ROW_DATA, ROW_KEYLOG, ROW_ALERT, ROW_ESTABLISHED, ROW_CLOSED, ROW_FAILED };
enum { STATE_HANDSHAKING, STATE_ESTABLISHED, STATE_CLOSED, STATE_FAILED };
enum { PEER_NONE, PEER_REQUEST, PEER_REQUIRE };
enum { CRL_OFF, CRL_IF_PRESENT, CRL_REQUIRED };
enum { PURPOSE_ANY, PURPOSE_SERVER, PURPOSE_CLIENT };

enum {
  PSK_IDENTITY_MAX = 128,
  PSK_KEY_MAX = 64,
  COOKIE_LENGTH = 32,
  COOKIE_SECRET_LENGTH = 32,
  COOKIE_PERIOD = 120, /* seconds */
  PEER_KEY_MAX = 80,
  CONTEXT_ID_LENGTH = 32,
  CACHED_SESSIONS_MAX = 64,
  VERIFY_ERRORS_MAX = 16,
  POOL_BUCKETS = 1024,
  RECENT_MAX = 64, /* certificates and lists that are kept without a user */
  TLS_RECORD_MAX = 16384,
  REASON_MAX = 160,
  RANDOMNESS_MAX = 4096,
};

typedef struct instance instance;
typedef struct context context;
typedef struct session session;

/* ---- pool: equal certificates, keys, lists and OpenSSL tables exist once ---- */

typedef enum { POOL_CERTIFICATE = 1, POOL_KEY, POOL_CRL, POOL_SHAPE } pool_kind;

/* What contexts of equal protocol, role, versions, suites and groups share. */
typedef struct {
  SSL_CTX *ctx;
  session *spare; /* waits for the next unknown DTLS peer; owned */
} shape;

typedef struct pooled {
  struct pooled *next;
  unsigned references;
  pool_kind kind;
  uint8_t digest[SHA256_DIGEST_LENGTH];
  union {
    X509 *certificate;
    EVP_PKEY *key;
    X509_CRL *crl;
    shape shape;
  } as;
} pooled;

/* ---- instance: one per Node environment ---- */

struct instance {
  unsigned references;
  napi_ref keep[3];
  uint8_t *arena;
  size_t arena_size;
  size_t arena_used;
  int32_t *rows;
  size_t rows_max;
  size_t rows_used;
  bool has_more; /* the arena was full before everything was read */
  double *status;
  pooled *pool[POOL_BUCKETS];
  pooled *recent[RECENT_MAX]; /* holds them */
  unsigned recent_next;
  uint8_t cookie_secrets[2][COOKIE_SECRET_LENGTH];
  int64_t cookie_period; /* which period secret 0 belongs to; 0 before the first cookie */
  unsigned contexts, sessions, pool_size;
};

void instance_hold(instance *in);
void instance_release(instance *in);
pooled *pool_find(instance *in, pool_kind kind, const uint8_t *digest);
pooled *pool_add(instance *in, pool_kind kind, const uint8_t *digest);
void pool_release(instance *in, pooled *entry);
void pool_forget(instance *in);
/* How many objects nobody but the memory of what was read lately holds. */
size_t pool_unused(const instance *in);

/* Rows and bytes of the call under way. */
void rows_reset(instance *in);
bool row_add(instance *in, int kind, int32_t a, int32_t b, int32_t c);
/* A row over bytes that already lie in the arena; joins the row before it where `join` and both lie next to each other. */
bool row_add_span(instance *in, int kind, size_t offset, size_t length, bool join);
/* The same with a copy of bytes from elsewhere. */
bool row_add_bytes(instance *in, int kind, const uint8_t *bytes, size_t length, bool join);

/* ---- context.c ---- */

typedef struct {
  uint8_t identity[PSK_IDENTITY_MAX + 1];
  uint8_t key[PSK_KEY_MAX];
  size_t identity_length, key_length;
} psk_entry;

typedef struct {
  STACK_OF(X509) * anchors;
  STACK_OF(X509) * trusted;
  STACK_OF(X509_CRL) * crls;
  int crl;
  bool time;
} trust;

struct context {
  unsigned references;
  instance *in;
  bool is_closed;
  bool is_server, sends_chain, resumes, logs_keys, has_virtual_time;
  pooled *shape;
  pooled *key;
  pooled **held; /* certificates and lists that the stacks below point into */
  size_t held_count;
  X509 *leaf;
  STACK_OF(X509) * chain; /* without the leaf */
  trust trust;
  int verify_peer;
  bool verify_name;
  psk_entry *psk;
  size_t psk_count;
  unsigned mtu, retransmit_ms;
  uint8_t id[CONTEXT_ID_LENGTH];
  SSL_SESSION **cached; /* server: sessions resumable by id, oldest overwritten first */
  unsigned cached_next;
};

typedef struct {
  const uint8_t *bytes;
  size_t length;
} view;

typedef struct {
  bool server, dtls, probing, send_chain, verify_time, verify_name, resumption, key_log, virtual_time;
  uint16_t *suites;
  size_t suite_count;
  char groups[512];
  int min_version, max_version;
  view *chain, *psk_identities, *psk_keys, *anchors, *trusted, *crls;
  size_t chain_count, psk_count, anchor_count, trusted_count, crl_count;
  view key;
  int verify_peer, verify_crl;
  unsigned mtu, retransmit_ms;
} context_options;

/* What a failed call says: a code of lib/errors.ts and a sentence. */
typedef struct {
  const char *code;
  char message[256 + REASON_MAX + 8];
} problem;

bool prepare_openssl(void);
int session_index(void); /* where an SSL keeps its session */

/* NULL with `out` filled in where the options cannot be used. */
context *context_new(instance *in, const context_options *options, problem *out);
void context_close(context *ctx);
void context_release(context *ctx);
session *session_of(const SSL *ssl);

typedef struct {
  uint32_t id;
  const char *name;
} suite_name;
/* Every suite of this OpenSSL; the caller frees the array with OPENSSL_free. */
suite_name *list_suites(size_t *count);

/* One complete DER object and nothing after it, read or found in the pool; the caller frees it. NULL for anything else. */
X509 *find_certificate(instance *in, view der);
X509_CRL *find_crl(instance *in, view der);

/* Text of the error in OpenSSL's queue that says most; the queue is left empty. */
void take_reason(char *out, size_t size, int *reason, int *library);

/* ---- verify.c ---- */

typedef struct {
  int errors[VERIFY_ERRORS_MAX];
  size_t count;
  int error; /* the gravest that policy does not tolerate; X509_V_OK where the certificate is accepted */
  int depth;
} verdict;

typedef struct {
  const trust *trust;
  int purpose;           /* of the peer's certificate */
  uint32_t key_usage;    /* KU_… bits of which all must be allowed where the extension is present */
  bool has_time;         /* judge dates at `at` rather than now */
  int64_t at;
  bool checks_name;
  const uint8_t *address; /* 4 or 16 bytes */
  size_t address_length;
  const char *name;
} verify_request;

/* Judges the certificate of an initialised store context. True where it is accepted. */
bool verify_certificate(X509_STORE_CTX *store, const verify_request *request, verdict *out);
const char *verify_code(int error);

/* ---- guard.c ---- */

typedef struct {
  bool is_set;
  size_t least;     /* shortest content of a protected record; with `mac`, the size of a MAC; 0 checks nothing */
  EVP_MAC_CTX *mac; /* where Encrypt-then-MAC is in use */
} guard;

/* Once the association is established. `has_etm`: both hellos had the extension of RFC 7366. */
void guard_set(guard *g, SSL *ssl, bool has_etm);
void guard_free(guard *g);
/* How much of a datagram may be handed to OpenSSL. */
size_t guard_check(guard *g, const uint8_t *datagram, size_t length);

/* ---- socket.c ---- */

enum { SOCKET_MARK_UNSUPPORTED = -1 };
/* Marks what a socket sends from now on; `dscp` is 0 to 63. 0, an errno, or SOCKET_MARK_UNSUPPORTED. */
int socket_mark(int descriptor, unsigned dscp);

/* ---- session.c ---- */

struct session {
  instance *in;
  context *ctx; /* NULL while it waits for an unknown peer */
  SSL *ssl;
  const uint8_t *input;
  size_t input_length;
  int state;
  bool is_dtls, was_established, saw_etm;
  double now;
  double deadline; /* NAN without retransmission timer */
  unsigned timeout_ms;
  unsigned initial_ms;
  bool has_virtual_time;
  unsigned mtu;
  size_t max_message; /* DTLS, once established */
  uint8_t peer_key[PEER_KEY_MAX]; /* what a cookie is bound to */
  size_t peer_key_length;
  uint8_t address[16];
  size_t address_length;
  char *name;
  guard guard;
  verdict verdict;
  const char *code;
  char reason[REASON_MAX];
};

session *session_new(instance *in, shape *shape, problem *out);
/* Gives a session its context: credentials, policy, limits. */
bool session_configure(session *s, context *ctx, problem *out);
void session_free(session *s);
bool session_set_peer(session *s, const char *address, const char *name);

void session_start(session *s, double now);
void session_receive(session *s, const uint8_t *bytes, size_t length, double now);
typedef enum { WRITE_DONE, WRITE_NOT_ESTABLISHED, WRITE_TOO_LARGE } write_result;
write_result session_write(session *s, const uint8_t *bytes, size_t length, size_t *limit);
void session_tick(session *s, double now);
void session_close(session *s);
void session_abort(session *s);

/* One datagram of an unknown peer: 1 and the session is ready to be configured, 0 answered or to be ignored. */
int session_listen(session *s, const char *peer_key, const uint8_t *datagram, size_t length, double now);

/* Callbacks that context.c installs. */
int cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *length);
int cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int length);
int on_verify(X509_STORE_CTX *store, void *unused);
void on_info(const SSL *ssl, int where, int value);
void on_keylog(const SSL *ssl, const char *line);

#endif
