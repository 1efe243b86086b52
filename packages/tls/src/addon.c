/*
 * The N-API surface: turns JavaScript values into C and back. No rule of TLS lives here, and nothing here calls into
 * JavaScript.
 */
#include "cordon.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_TEXT_MAX = 64, NAME_TEXT_MAX = 256, LABEL_MAX = 128, SESSION_BYTES = 40 * 1024 };

/* ---- instance ---- */

void instance_hold(instance *in) { in->references++; }

void instance_release(instance *in) {
  if (--in->references > 0) return;
  OPENSSL_cleanse(in, sizeof *in);
  OPENSSL_free(in);
}

void rows_reset(instance *in) {
  in->rows_used = 0;
  in->arena_used = 0;
  in->has_more = false;
}

bool row_add(instance *in, int kind, int32_t a, int32_t b, int32_t c) {
  /* Alerts are news that can be missed; the last rows are kept for what cannot. */
  size_t kept = kind == ROW_ALERT ? in->rows_max / 2 : 0;
  if (in->rows_used + kept >= in->rows_max) return false;
  int32_t *row = in->rows + 4 * in->rows_used++;
  row[0] = kind;
  row[1] = a;
  row[2] = b;
  row[3] = c;
  return true;
}

bool row_add_span(instance *in, int kind, size_t offset, size_t length, bool join) {
  if (join && in->rows_used > 0) {
    int32_t *last = in->rows + 4 * (in->rows_used - 1);
    if (last[0] == kind && (size_t)last[1] + (size_t)last[2] == offset) {
      last[2] += (int32_t)length;
      return true;
    }
  }
  return row_add(in, kind, (int32_t)offset, (int32_t)length, 0);
}

bool row_add_bytes(instance *in, int kind, const uint8_t *bytes, size_t length, bool join) {
  if (length > in->arena_size - in->arena_used) return false;
  memcpy(in->arena + in->arena_used, bytes, length);
  if (!row_add_span(in, kind, in->arena_used, length, join)) return false;
  in->arena_used += length;
  return true;
}

/* ---- from JavaScript ---- */

/* Every object handed to JavaScript: what it is, and that its instance outlives it. */
typedef enum { BOX_CONTEXT = 0x43445843, BOX_SESSION, BOX_TICKET } box_kind;

typedef struct {
  box_kind kind;
  void *object; /* NULL after destroy */
  instance *in;
} box;

static void throw_problem(napi_env env, const problem *problem) {
  napi_throw_error(env, problem->code == NULL ? "internal" : problem->code, problem->message);
}

static napi_value throw_type(napi_env env, const char *what) {
  napi_throw_type_error(env, "bad-option", what);
  return NULL;
}

static bool get_args(napi_env env, napi_callback_info info, size_t count, napi_value *args, instance **in) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, args, NULL, (void **)in) == napi_ok && given >= count) return true;
  throw_type(env, "Too few arguments");
  return false;
}

static box *get_box(napi_env env, napi_value value, box_kind kind) {
  napi_valuetype type;
  box *found = NULL;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_external) {
    napi_get_value_external(env, value, (void **)&found);
  }
  if (found != NULL && found->kind == kind) return found;
  throw_type(env, "Not a handle of this kind");
  return NULL;
}

static session *get_session(napi_env env, napi_value value) {
  box *found = get_box(env, value, BOX_SESSION);
  if (found == NULL) return NULL;
  if (found->object == NULL) napi_throw_error(env, "closed", "This session was destroyed");
  return found->object;
}

static bool get_view(napi_env env, napi_value value, view *out) {
  napi_typedarray_type type;
  void *bytes = NULL;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(env, value, &type, &out->length, &bytes, NULL, NULL) == napi_ok &&
      type == napi_uint8_array) {
    /* Empty arrays have no address; nothing is read there, but OpenSSL wants one. */
    out->bytes = bytes == NULL ? (const uint8_t *)"" : bytes;
    return true;
  }
  throw_type(env, "Expected a Uint8Array");
  return false;
}

static napi_value get_property(napi_env env, napi_value object, const char *name) {
  napi_value value = NULL;
  napi_get_named_property(env, object, name, &value);
  return value;
}

static bool get_bool(napi_env env, napi_value object, const char *name) {
  bool value = false;
  napi_get_value_bool(env, get_property(env, object, name), &value);
  return value;
}

static uint32_t get_uint(napi_env env, napi_value object, const char *name) {
  uint32_t value = 0;
  napi_get_value_uint32(env, get_property(env, object, name), &value);
  return value;
}

static bool is_undefined(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  return napi_typeof(env, value, &type) != napi_ok || type == napi_undefined || type == napi_null;
}

/* False only with an exception under way. An absent string leaves `out` empty. */
static bool get_text(napi_env env, napi_value value, char *out, size_t size, size_t *length) {
  out[0] = 0;
  *length = 0;
  if (is_undefined(env, value)) return true;
  if (napi_get_value_string_utf8(env, value, out, size, length) == napi_ok && *length < size - 1 &&
      strlen(out) == *length) {
    return true;
  }
  throw_type(env, "Expected a shorter string without a zero character");
  return false;
}

/* An array of Uint8Array; the caller frees `out`. */
static bool get_views(napi_env env, napi_value object, const char *name, view **out, size_t *count) {
  napi_value array = get_property(env, object, name);
  uint32_t length = 0;
  if (array == NULL || napi_get_array_length(env, array, &length) != napi_ok || length > 65536) {
    throw_type(env, "Expected an array of Uint8Array");
    return false;
  }
  *count = length;
  *out = length == 0 ? NULL : OPENSSL_zalloc(length * sizeof **out);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    if (*out == NULL || napi_get_element(env, array, i, &element) != napi_ok || !get_view(env, element, &(*out)[i])) {
      return false;
    }
  }
  return true;
}

/* ---- to JavaScript ---- */

static napi_value make_number(napi_env env, double number) {
  napi_value value = NULL;
  napi_create_double(env, number, &value);
  return value;
}

static napi_value make_int(napi_env env, int32_t number) {
  napi_value value = NULL;
  napi_create_int32(env, number, &value);
  return value;
}

static napi_value make_text(napi_env env, const char *text) {
  napi_value value = NULL;
  if (text != NULL) napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

static napi_value make_bool(napi_env env, bool truth) {
  napi_value value = NULL;
  napi_get_boolean(env, truth, &value);
  return value;
}

static napi_value make_bytes(napi_env env, const uint8_t *bytes, size_t length) {
  napi_value buffer = NULL, array = NULL;
  void *data = NULL;
  if (napi_create_arraybuffer(env, length, &data, &buffer) != napi_ok) return NULL;
  if (length > 0) memcpy(data, bytes, length);
  napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &array);
  return array;
}

static napi_value make_certificate(napi_env env, X509 *certificate) {
  unsigned char *der = NULL;
  int length = i2d_X509(certificate, &der);
  napi_value value = length > 0 ? make_bytes(env, der, (size_t)length) : NULL;
  OPENSSL_free(der);
  return value;
}

static napi_value make_ints(napi_env env, const int *numbers, size_t count) {
  napi_value array = NULL;
  napi_create_array_with_length(env, count, &array);
  for (size_t i = 0; i < count; i++) napi_set_element(env, array, (uint32_t)i, make_int(env, numbers[i]));
  return array;
}

static void set(napi_env env, napi_value object, const char *name, napi_value value) {
  if (value != NULL) napi_set_named_property(env, object, name, value);
}

static void box_finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  box *boxed = data;
  int64_t unused;
  if (boxed->object != NULL) {
    if (boxed->kind == BOX_CONTEXT) {
      context_close(boxed->object);
      context_release(boxed->object);
    } else if (boxed->kind == BOX_SESSION) {
      session_free(boxed->object);
      napi_adjust_external_memory(env, -(int64_t)SESSION_BYTES, &unused);
    } else {
      SSL_SESSION_free(boxed->object);
    }
  }
  instance_release(boxed->in);
  OPENSSL_free(boxed);
}

/* Takes the object over, also where it fails. */
static napi_value make_box(napi_env env, instance *in, box_kind kind, void *object) {
  box *boxed = OPENSSL_zalloc(sizeof *boxed);
  napi_value value = NULL;
  int64_t unused;
  if (boxed == NULL) {
    napi_throw_error(env, "internal", "Out of memory");
    return NULL; /* leaks, in a process that is lost anyway */
  }
  boxed->kind = kind;
  boxed->object = object;
  boxed->in = in;
  instance_hold(in);
  if (kind == BOX_SESSION) napi_adjust_external_memory(env, SESSION_BYTES, &unused);
  if (napi_create_external(env, boxed, box_finalize, NULL, &value) != napi_ok) box_finalize(env, boxed, NULL);
  return value;
}

/* ---- functions ---- */

static bool keep_memory(napi_env env, napi_value value, napi_typedarray_type wanted, void **data, size_t *length,
                        napi_ref *keep) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) == napi_ok && type == wanted &&
         napi_create_reference(env, value, 1, keep) == napi_ok;
}

/* Takes arena, rows and status, and gives those in force: of several copies of the JavaScript, the first one's. */
static napi_value js_bind(napi_env env, napi_callback_info info) {
  napi_value args[3], result = NULL;
  instance *in;
  if (!get_args(env, info, 3, args, &in)) return NULL;
  if (in->arena == NULL) {
    size_t size, rows, status;
    void *arena_data, *rows_data, *status_data;
    if (!keep_memory(env, args[0], napi_uint8_array, &arena_data, &size, &in->keep[0]) ||
        !keep_memory(env, args[1], napi_int32_array, &rows_data, &rows, &in->keep[1]) ||
        !keep_memory(env, args[2], napi_float64_array, &status_data, &status, &in->keep[2]) || status < 3) {
      return throw_type(env, "Expected arena, rows and status");
    }
    in->arena = arena_data;
    in->arena_size = size;
    in->rows = rows_data;
    in->rows_max = rows / 4;
    in->status = status_data;
  }
  napi_create_array_with_length(env, 3, &result);
  for (uint32_t i = 0; i < 3; i++) {
    napi_value bound = NULL;
    napi_get_reference_value(env, in->keep[i], &bound);
    napi_set_element(env, result, i, bound);
  }
  return result;
}

static napi_value js_version(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value object = NULL;
  napi_create_object(env, &object);
  set(env, object, "version", make_text(env, OpenSSL_version(OPENSSL_FULL_VERSION_STRING)));
  set(env, object, "number", make_number(env, (double)OpenSSL_version_num()));
  return object;
}

static napi_value js_ciphers(napi_env env, napi_callback_info info) {
  (void)info;
  size_t count;
  suite_name *list = list_suites(&count);
  ERR_clear_error();
  napi_value array = NULL;
  napi_create_array_with_length(env, count, &array);
  for (size_t i = 0; i < count; i++) {
    napi_value pair;
    napi_create_array_with_length(env, 2, &pair);
    napi_set_element(env, pair, 0, make_int(env, (int32_t)(list[i].id & 0xffff)));
    napi_set_element(env, pair, 1, make_text(env, list[i].name));
    napi_set_element(env, array, (uint32_t)i, pair);
  }
  OPENSSL_free(list);
  return array;
}

static bool read_suites(napi_env env, napi_value object, context_options *out) {
  napi_value array = get_property(env, object, "suites");
  uint32_t length = 0;
  if (array == NULL || napi_get_array_length(env, array, &length) != napi_ok || length == 0 || length > 256) {
    throw_type(env, "Option suites: expected 1 to 256 ids");
    return false;
  }
  out->suites = OPENSSL_zalloc(length * sizeof *out->suites);
  out->suite_count = out->suites == NULL ? 0 : length;
  for (uint32_t i = 0; i < out->suite_count; i++) {
    napi_value element;
    uint32_t id = 0;
    napi_get_element(env, array, i, &element);
    napi_get_value_uint32(env, element, &id);
    out->suites[i] = (uint16_t)id;
  }
  return out->suites != NULL;
}

static bool read_context_options(napi_env env, napi_value object, context_options *out) {
  out->server = get_bool(env, object, "server");
  out->dtls = get_bool(env, object, "dtls");
  out->probing = get_bool(env, object, "probing");
  out->send_chain = get_bool(env, object, "sendChain");
  out->verify_time = get_bool(env, object, "verifyTime");
  out->verify_name = get_bool(env, object, "verifyName");
  out->resumption = get_bool(env, object, "resumption");
  out->key_log = get_bool(env, object, "keyLog");
  out->virtual_time = get_bool(env, object, "virtualTime");
  out->min_version = (int)get_uint(env, object, "minVersion");
  out->max_version = (int)get_uint(env, object, "maxVersion");
  out->verify_peer = (int)get_uint(env, object, "verifyPeer");
  out->verify_crl = (int)get_uint(env, object, "verifyCrl");
  out->mtu = get_uint(env, object, "mtu");
  out->retransmit_ms = get_uint(env, object, "retransmitMs");
  napi_value key = get_property(env, object, "key");
  size_t length;
  size_t keys = 0;
  bool is_read = (is_undefined(env, key) || get_view(env, key, &out->key)) &&
                 get_text(env, get_property(env, object, "groups"), out->groups, sizeof out->groups, &length) &&
                 read_suites(env, object, out) && get_views(env, object, "chain", &out->chain, &out->chain_count) &&
                 get_views(env, object, "pskIdentities", &out->psk_identities, &out->psk_count) &&
                 get_views(env, object, "pskKeys", &out->psk_keys, &keys) &&
                 get_views(env, object, "anchors", &out->anchors, &out->anchor_count) &&
                 get_views(env, object, "trusted", &out->trusted, &out->trusted_count) &&
                 get_views(env, object, "crls", &out->crls, &out->crl_count);
  if (is_read && keys != out->psk_count) {
    throw_type(env, "Option psk: as many keys as identities");
    return false;
  }
  if (is_read && out->chain_count > 0 && out->key.bytes == NULL) {
    throw_type(env, "Option identity.key: expected a private key");
    return false;
  }
  return is_read;
}

static napi_value js_create_context(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *in;
  if (!get_args(env, info, 1, args, &in)) return NULL;
  context_options options = {0};
  napi_value result = NULL;
  if (read_context_options(env, args[0], &options)) {
    problem problem = {0};
    context *ctx = context_new(in, &options, &problem);
    if (ctx == NULL) {
      throw_problem(env, &problem);
    } else {
      result = make_box(env, in, BOX_CONTEXT, ctx);
    }
  }
  OPENSSL_free(options.suites);
  OPENSSL_free(options.chain);
  OPENSSL_free(options.psk_identities);
  OPENSSL_free(options.psk_keys);
  OPENSSL_free(options.anchors);
  OPENSSL_free(options.trusted);
  OPENSSL_free(options.crls);
  return result;
}

static napi_value js_close_context(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *in;
  if (!get_args(env, info, 1, args, &in)) return NULL;
  box *boxed = get_box(env, args[0], BOX_CONTEXT);
  if (boxed != NULL && boxed->object != NULL) {
    context_close(boxed->object);
    context_release(boxed->object);
    boxed->object = NULL;
  }
  return NULL;
}

static context *get_context(napi_env env, napi_value value) {
  box *boxed = get_box(env, value, BOX_CONTEXT);
  if (boxed == NULL) return NULL;
  if (boxed->object == NULL) napi_throw_error(env, "closed", "This context was closed");
  return boxed->object;
}

static napi_value js_create_session(napi_env env, napi_callback_info info) {
  napi_value args[4];
  instance *in;
  if (!get_args(env, info, 4, args, &in)) return NULL;
  context *ctx = get_context(env, args[0]);
  char address[ADDRESS_TEXT_MAX], name[NAME_TEXT_MAX];
  size_t address_length, name_length;
  if (ctx == NULL || !get_text(env, args[1], address, sizeof address, &address_length) ||
      !get_text(env, args[2], name, sizeof name, &name_length)) {
    return NULL;
  }
  box *ticket = NULL;
  if (!is_undefined(env, args[3]) && (ticket = get_box(env, args[3], BOX_TICKET)) == NULL) return NULL;
  problem problem = {0};
  session *s = session_new(in, &ctx->shape->as.shape, &problem);
  if (s == NULL || !session_configure(s, ctx, &problem)) {
    session_free(s);
    throw_problem(env, &problem);
    return NULL;
  }
  if (!session_set_peer(s, address_length > 0 ? address : NULL, name_length > 0 ? name : NULL)) {
    session_free(s);
    return throw_type(env, "Option peer: expected an IP address");
  }
  if (ticket != NULL && SSL_set_session(s->ssl, ticket->object) != 1) ERR_clear_error(); /* a full handshake instead */
  return make_box(env, in, BOX_SESSION, s);
}

static napi_value report(napi_env env, const session *s) {
  instance *in = s->in;
  in->status[0] = s->state;
  in->status[1] = s->deadline;
  in->status[2] = in->has_more;
  return make_int(env, (int32_t)in->rows_used);
}

static bool is_bound(napi_env env, const instance *in) {
  if (in->arena != NULL) return true;
  throw_type(env, "Call bind first");
  return false;
}

/* Session, then what `wanted` asks for: n a time, b bytes. */
static session *begin(napi_env env, napi_callback_info info, const char *wanted, view *bytes, double *now) {
  napi_value args[3];
  instance *in;
  if (!get_args(env, info, 1 + strlen(wanted), args, &in)) return NULL;
  session *s = get_session(env, args[0]);
  if (s == NULL || !is_bound(env, in)) return NULL;
  for (size_t i = 0; wanted[i] != 0; i++) {
    if (wanted[i] == 'b' && !get_view(env, args[1 + i], bytes)) return NULL;
    if (wanted[i] == 'n' && napi_get_value_double(env, args[1 + i], now) != napi_ok) {
      throw_type(env, "Expected a time in milliseconds");
      return NULL;
    }
  }
  rows_reset(in);
  return s;
}

static napi_value js_start(napi_env env, napi_callback_info info) {
  double now = 0;
  session *s = begin(env, info, "n", NULL, &now);
  if (s == NULL) return NULL;
  session_start(s, now);
  return report(env, s);
}

static napi_value js_receive(napi_env env, napi_callback_info info) {
  view bytes;
  double now = 0;
  session *s = begin(env, info, "bn", &bytes, &now);
  if (s == NULL) return NULL;
  session_receive(s, bytes.bytes, bytes.length, now);
  return report(env, s);
}

/* How many rows; -1 not established; -2 - limit where the message is longer than the limit. */
static napi_value js_write(napi_env env, napi_callback_info info) {
  view bytes;
  session *s = begin(env, info, "b", &bytes, NULL);
  if (s == NULL) return NULL;
  size_t limit = 0;
  switch (session_write(s, bytes.bytes, bytes.length, &limit)) {
    case WRITE_NOT_ESTABLISHED: return make_int(env, -1);
    case WRITE_TOO_LARGE: return make_int(env, -2 - (int32_t)limit);
    case WRITE_DONE: break;
  }
  return report(env, s);
}

static napi_value js_tick(napi_env env, napi_callback_info info) {
  double now = 0;
  session *s = begin(env, info, "n", NULL, &now);
  if (s == NULL) return NULL;
  session_tick(s, now);
  return report(env, s);
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  session *s = begin(env, info, "", NULL, NULL);
  if (s == NULL) return NULL;
  session_close(s);
  return report(env, s);
}

static napi_value js_abort(napi_env env, napi_callback_info info) {
  session *s = begin(env, info, "", NULL, NULL);
  if (s != NULL) session_abort(s);
  return NULL;
}

static napi_value js_destroy(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *in;
  if (!get_args(env, info, 1, args, &in)) return NULL;
  box *boxed = get_box(env, args[0], BOX_SESSION);
  int64_t unused;
  if (boxed != NULL && boxed->object != NULL) {
    session_free(boxed->object);
    boxed->object = NULL;
    napi_adjust_external_memory(env, -(int64_t)SESSION_BYTES, &unused);
  }
  return NULL;
}

static napi_value make_peer_chain(napi_env env, const session *s) {
  napi_value array = NULL;
  uint32_t count = 0;
  napi_create_array(env, &array);
  X509 *leaf = SSL_get0_peer_certificate(s->ssl);
  if (leaf == NULL) return array;
  napi_set_element(env, array, count++, make_certificate(env, leaf));
  /* OpenSSL's list begins with the leaf at a client only. */
  STACK_OF(X509) *chain = SSL_get_peer_cert_chain(s->ssl);
  for (int i = SSL_is_server(s->ssl) ? 0 : 1; i < sk_X509_num(chain); i++) {
    napi_set_element(env, array, count++, make_certificate(env, sk_X509_value(chain, i)));
  }
  return array;
}

static napi_value make_group(napi_env env, const session *s) {
  char name[64];
  size_t length = 0;
  EVP_PKEY *key = NULL;
  const char *found = NULL;
  if (SSL_get_peer_tmp_key(s->ssl, &key) == 1 || SSL_get_tmp_key(s->ssl, &key) == 1) {
    if (EVP_PKEY_get_group_name(key, name, sizeof name, &length) == 1 && length > 0) {
      found = name;
    } else {
      found = EVP_PKEY_get0_type_name(key);
    }
  }
  if (found == NULL && !SSL_session_reused((SSL *)s->ssl)) {
    int nid = (int)SSL_get_negotiated_group(s->ssl);
    if (nid > 0) found = OBJ_nid2sn(nid);
  }
  napi_value value = make_text(env, found);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return value;
}

/* RFC 7366: seen in the peer's hello, and the suite is a block cipher's. */
static bool uses_etm(const session *s, const SSL_CIPHER *cipher) {
  return s->saw_etm && !SSL_CIPHER_is_aead(cipher) && SSL_CIPHER_get_cipher_nid(cipher) != NID_undef;
}

static napi_value js_info(napi_env env, napi_callback_info info) {
  session *s = begin(env, info, "", NULL, NULL);
  if (s == NULL || !s->was_established) return NULL;
  ERR_clear_error();
  napi_value object = NULL;
  napi_create_object(env, &object);
  const SSL_CIPHER *cipher = SSL_get_current_cipher(s->ssl);
  const SSL_SESSION *negotiated = SSL_get_session(s->ssl);
  unsigned id_length = 0;
  const unsigned char *id = negotiated == NULL ? NULL : SSL_SESSION_get_id(negotiated, &id_length);
  const char *psk = SSL_get_psk_identity(s->ssl);
  set(env, object, "suite", make_int(env, cipher == NULL ? 0 : SSL_CIPHER_get_protocol_id(cipher)));
  set(env, object, "version", make_text(env, SSL_get_version(s->ssl)));
  set(env, object, "resumed", make_bool(env, SSL_session_reused(s->ssl)));
  set(env, object, "peerChain", make_peer_chain(env, s));
  if (psk != NULL) set(env, object, "pskIdentity", make_bytes(env, (const uint8_t *)psk, strlen(psk)));
  set(env, object, "verifyErrors", make_ints(env, s->verdict.errors, s->verdict.count));
  set(env, object, "encryptThenMac", make_bool(env, cipher != NULL && uses_etm(s, cipher)));
  set(env, object, "extendedMasterSecret", make_bool(env, SSL_get_extms_support(s->ssl) == 1));
  set(env, object, "sessionId", make_bytes(env, id, id == NULL ? 0 : id_length));
  set(env, object, "group", make_group(env, s));
  set(env, object, "maxMessage", make_number(env, (double)s->max_message));
  ERR_clear_error();
  return object;
}

/* What the peer showed, also where the handshake failed after it. */
static napi_value js_shown(napi_env env, napi_callback_info info) {
  session *s = begin(env, info, "", NULL, NULL);
  if (s == NULL) return NULL;
  ERR_clear_error();
  napi_value chain = make_peer_chain(env, s);
  ERR_clear_error();
  return chain;
}

static napi_value js_failure(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *in;
  if (!get_args(env, info, 1, args, &in)) return NULL;
  session *s = get_session(env, args[0]);
  if (s == NULL) return NULL;
  napi_value object = NULL;
  napi_create_object(env, &object);
  set(env, object, "code", make_text(env, s->code == NULL ? "internal" : s->code));
  set(env, object, "reason", make_text(env, s->reason));
  set(env, object, "verifyErrors", make_ints(env, s->verdict.errors, s->verdict.count));
  return object;
}

static napi_value js_export(napi_env env, napi_callback_info info) {
  napi_value args[4];
  instance *in;
  if (!get_args(env, info, 4, args, &in)) return NULL;
  session *s = get_session(env, args[0]);
  char label[LABEL_MAX];
  size_t label_length;
  uint32_t length = 0;
  view ctx = {(const uint8_t *)"", 0};
  bool has_context = !is_undefined(env, args[3]);
  if (s == NULL || !get_text(env, args[1], label, sizeof label, &label_length) ||
      (has_context && !get_view(env, args[3], &ctx))) {
    return NULL;
  }
  napi_get_value_uint32(env, args[2], &length);
  if (length < 1 || length > 65535 || label_length == 0) return throw_type(env, "Expected a label and a length");
  napi_value buffer = NULL, array = NULL;
  void *data = NULL;
  if (napi_create_arraybuffer(env, length, &data, &buffer) != napi_ok) return NULL;
  ERR_clear_error();
  int done = SSL_export_keying_material(s->ssl, data, length, label, label_length, ctx.bytes, ctx.length, has_context);
  ERR_clear_error();
  if (done != 1) return throw_type(env, "Option label: OpenSSL refuses it, or the session is not established");
  napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &array);
  return array;
}

static napi_value js_ticket(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *in;
  if (!get_args(env, info, 1, args, &in)) return NULL;
  session *s = get_session(env, args[0]);
  if (s == NULL || !s->was_established || s->ctx == NULL || !s->ctx->resumes) return NULL;
  SSL_SESSION *kept = SSL_get1_session(s->ssl);
  if (kept == NULL || !SSL_SESSION_is_resumable(kept)) {
    SSL_SESSION_free(kept);
    return NULL;
  }
  return make_box(env, in, BOX_TICKET, kept);
}

static napi_value js_listen(napi_env env, napi_callback_info info) {
  napi_value args[5];
  instance *in;
  if (!get_args(env, info, 5, args, &in)) return NULL;
  context *ctx = get_context(env, args[0]);
  char address[ADDRESS_TEXT_MAX], key[PEER_KEY_MAX];
  size_t address_length;
  uint32_t port = 0;
  view datagram;
  double now = 0;
  if (ctx == NULL || !is_bound(env, in)) return NULL;
  if (!get_text(env, args[1], address, sizeof address, &address_length)) return NULL;
  napi_get_value_uint32(env, args[2], &port);
  if (!get_view(env, args[3], &datagram)) return NULL;
  napi_get_value_double(env, args[4], &now);
  snprintf(key, sizeof key, "%s|%u", address, (unsigned)port);
  rows_reset(in);
  shape *shape = &ctx->shape->as.shape;
  problem problem = {0};
  if (shape->spare == NULL && (shape->spare = session_new(in, shape, &problem)) == NULL) {
    throw_problem(env, &problem);
    return NULL;
  }
  session *s = shape->spare;
  if (session_listen(s, key, datagram.bytes, datagram.length, now) == 0) return make_int(env, (int32_t)in->rows_used);
  /* The ClientHello is inside it now: this is the session, and the next stranger gets another. */
  shape->spare = NULL;
  if (!session_configure(s, ctx, &problem)) {
    session_free(s);
    throw_problem(env, &problem);
    return NULL;
  }
  if (!session_set_peer(s, address, NULL)) {
    session_free(s);
    return throw_type(env, "Expected the peer's IP address");
  }
  rows_reset(in);
  return make_box(env, in, BOX_SESSION, s);
}

/* ---- verifyChain ---- */

typedef struct {
  view leaf, *intermediates, *anchors, *trusted, *crls;
  size_t intermediate_count, anchor_count, trusted_count, crl_count;
  X509 *certificate;
  STACK_OF(X509) * links;
  trust trust;
} chain_input;

static STACK_OF(X509) *
    find_certificates(napi_env env, instance *pool, const view *ders, size_t count, const char *what) {
  STACK_OF(X509) *stack = sk_X509_new_null();
  for (size_t i = 0; stack != NULL && i < count; i++) {
    X509 *certificate = find_certificate(pool, ders[i]);
    if (certificate != NULL && sk_X509_push(stack, certificate) > 0) continue;
    X509_free(certificate);
    sk_X509_pop_free(stack, X509_free);
    stack = NULL;
  }
  if (stack == NULL) napi_throw_error(env, "bad-certificate", what);
  return stack;
}

static STACK_OF(X509_CRL) * find_crls(napi_env env, instance *pool, const view *ders, size_t count) {
  STACK_OF(X509_CRL) *stack = sk_X509_CRL_new_null();
  for (size_t i = 0; stack != NULL && i < count; i++) {
    X509_CRL *crl = find_crl(pool, ders[i]);
    if (crl != NULL && sk_X509_CRL_push(stack, crl) > 0) continue;
    X509_CRL_free(crl);
    sk_X509_CRL_pop_free(stack, X509_CRL_free);
    stack = NULL;
  }
  if (stack == NULL) napi_throw_error(env, "bad-crl", "crls: expected DER certificate revocation lists");
  return stack;
}

static bool read_chain_input(napi_env env, instance *pool, napi_value object, chain_input *in) {
  if (!get_view(env, get_property(env, object, "leaf"), &in->leaf) ||
      !get_views(env, object, "intermediates", &in->intermediates, &in->intermediate_count) ||
      !get_views(env, object, "anchors", &in->anchors, &in->anchor_count) ||
      !get_views(env, object, "trusted", &in->trusted, &in->trusted_count) ||
      !get_views(env, object, "crls", &in->crls, &in->crl_count)) {
    return false;
  }
  in->trust.crl = (int)get_uint(env, object, "crl");
  in->trust.time = get_bool(env, object, "time");
  in->certificate = find_certificate(pool, in->leaf);
  if (in->certificate == NULL) {
    napi_throw_error(env, "bad-certificate", "leaf: expected one DER certificate");
    return false;
  }
  in->links = find_certificates(env, pool, in->intermediates, in->intermediate_count,
                                "intermediates: expected DER certificates");
  if (in->links == NULL) return false;
  in->trust.anchors = find_certificates(env, pool, in->anchors, in->anchor_count, "anchors: expected DER certificates");
  if (in->trust.anchors == NULL) return false;
  in->trust.trusted = find_certificates(env, pool, in->trusted, in->trusted_count, "trusted: expected DER certificates");
  if (in->trust.trusted == NULL) return false;
  in->trust.crls = find_crls(env, pool, in->crls, in->crl_count);
  return in->trust.crls != NULL;
}

static void free_chain_input(chain_input *in) {
  X509_free(in->certificate);
  sk_X509_pop_free(in->links, X509_free);
  sk_X509_pop_free(in->trust.anchors, X509_free);
  sk_X509_pop_free(in->trust.trusted, X509_free);
  sk_X509_CRL_pop_free(in->trust.crls, X509_CRL_free);
  OPENSSL_free(in->intermediates);
  OPENSSL_free(in->anchors);
  OPENSSL_free(in->trusted);
  OPENSSL_free(in->crls);
}

static napi_value make_chain_result(napi_env env, X509_STORE_CTX *store, const verdict *found) {
  napi_value object = NULL, chain = NULL;
  napi_create_object(env, &object);
  napi_create_array(env, &chain);
  STACK_OF(X509) *built = X509_STORE_CTX_get0_chain(store);
  for (int i = 0; i < sk_X509_num(built); i++) {
    napi_set_element(env, chain, (uint32_t)i, make_certificate(env, sk_X509_value(built, i)));
  }
  set(env, object, "ok", make_bool(env, found->error == X509_V_OK));
  set(env, object, "chain", chain);
  set(env, object, "code", make_text(env, verify_code(found->error)));
  set(env, object, "reason", make_text(env, X509_verify_cert_error_string(found->error)));
  set(env, object, "depth", make_int(env, found->depth));
  set(env, object, "errors", make_ints(env, found->errors, found->count));
  return object;
}

static napi_value js_verify_chain(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *instance;
  if (!get_args(env, info, 1, args, &instance)) return NULL;
  chain_input in = {0};
  napi_value result = NULL;
  ERR_clear_error();
  if (read_chain_input(env, instance, args[0], &in)) {
    double at = 0;
    napi_get_value_double(env, get_property(env, args[0], "at"), &at);
    int purpose = (int)get_uint(env, args[0], "purpose");
    verify_request request = {
        .trust = &in.trust,
        .purpose = purpose,
        .key_usage = purpose == PURPOSE_ANY ? 0 : KU_DIGITAL_SIGNATURE,
        .has_time = true,
        .at = (int64_t)at,
    };
    X509_STORE *empty = X509_STORE_new();
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    if (empty == NULL || store == NULL || X509_STORE_CTX_init(store, empty, in.certificate, in.links) != 1) {
      napi_throw_error(env, "internal", "Out of memory");
    } else {
      verdict found;
      verify_certificate(store, &request, &found);
      result = make_chain_result(env, store, &found);
    }
    X509_STORE_CTX_free(store);
    X509_STORE_free(empty);
  }
  free_chain_input(&in);
  ERR_clear_error();
  return result;
}

static napi_value js_mark_socket(napi_env env, napi_callback_info info) {
  napi_value args[2];
  instance *in;
  int32_t descriptor = -1;
  uint32_t dscp = 64;
  if (!get_args(env, info, 2, args, &in)) return NULL;
  if (napi_get_value_int32(env, args[0], &descriptor) != napi_ok ||
      napi_get_value_uint32(env, args[1], &dscp) != napi_ok || dscp > 63) {
    return throw_type(env, "Expected a descriptor and a mark of 0 to 63");
  }
  return make_int(env, socket_mark(descriptor, dscp));
}

/* OpenSSL mixes it in beside its own seed, never in its place: the primary generator is seeded anew from the system with
 * these bytes as additional input, and the generators of the threads follow before they give their next byte. */
static napi_value js_add_randomness(napi_env env, napi_callback_info info) {
  napi_value args[1];
  instance *in;
  view bytes;
  if (!get_args(env, info, 1, args, &in) || !get_view(env, args[0], &bytes)) return NULL;
  if (bytes.length == 0 || bytes.length > RANDOMNESS_MAX) return throw_type(env, "Expected 1 to 4096 bytes");
  RAND_add(bytes.bytes, (int)bytes.length, 0);
  return make_int(env, RAND_status());
}

static napi_value js_alive(napi_env env, napi_callback_info info) {
  instance *in;
  if (!get_args(env, info, 0, NULL, &in)) return NULL;
  const int unused = (int)pool_unused(in);
  const int counts[] = {(int)in->contexts, (int)in->sessions, (int)in->pool_size - unused, unused};
  return make_ints(env, counts, 4);
}

/* ---- module ---- */

static void instance_finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  instance *in = data;
  for (size_t i = 0; i < sizeof in->keep / sizeof *in->keep; i++) {
    if (in->keep[i] != NULL) napi_delete_reference(env, in->keep[i]);
  }
  pool_forget(in);
  instance_release(in);
}

NAPI_MODULE_INIT() {
  if (OPENSSL_version_major() != 3) {
    char text[160];
    snprintf(text, sizeof text, "This binary is for OpenSSL 3; this runtime brings OpenSSL %u",
             OPENSSL_version_major());
    napi_throw_error(env, "native-unusable", text);
    return NULL;
  }
  instance *in = OPENSSL_zalloc(sizeof *in);
  if (in == NULL || !prepare_openssl()) {
    OPENSSL_free(in);
    napi_throw_error(env, "internal", "OpenSSL could not be prepared");
    return NULL;
  }
  in->references = 1;
  if (napi_set_instance_data(env, in, instance_finalize, NULL) != napi_ok) {
    OPENSSL_free(in);
    return NULL;
  }
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"bind", js_bind},
      {"version", js_version},
      {"ciphers", js_ciphers},
      {"createContext", js_create_context},
      {"closeContext", js_close_context},
      {"createSession", js_create_session},
      {"start", js_start},
      {"receive", js_receive},
      {"write", js_write},
      {"tick", js_tick},
      {"close", js_close},
      {"abort", js_abort},
      {"destroy", js_destroy},
      {"info", js_info},
      {"shown", js_shown},
      {"failure", js_failure},
      {"exportKeyingMaterial", js_export},
      {"ticket", js_ticket},
      {"listen", js_listen},
      {"verifyChain", js_verify_chain},
      {"markSocket", js_mark_socket},
      {"addRandomness", js_add_randomness},
      {"alive", js_alive},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, in, &function) != napi_ok) {
      return NULL;
    }
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
