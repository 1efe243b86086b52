/*
 * Chain verification. OpenSSL walks the chain and reports everything it finds; policy then decides which findings count.
 * Handshakes and verifyChain use the same function.
 */
#include "cordon.h"

#include <string.h>

/*
 * 112 bits: RSA 2048, P-224 and up, SHA-2. The handshake itself runs at level 0, which the NULL suites need; certificates
 * have no reason to be weak.
 */
enum { CHAIN_SECURITY_LEVEL = 2, CHAIN_DEPTH_MAX = 10 };

/* Findings with their codes, the gravest first: a revoked certificate that also expired is called revoked. */
static const struct {
  int error;
  const char *code;
} findings[] = {
    {X509_V_ERR_CERT_REVOKED, "certificate-revoked"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "bad-signature"},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, "bad-signature"},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, "bad-signature"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "unknown-authority"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown-authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown-authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "unknown-authority"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown-authority"},
    {X509_V_ERR_CERT_UNTRUSTED, "unknown-authority"},
    {X509_V_ERR_CERT_REJECTED, "unknown-authority"},
    {X509_V_ERR_INVALID_CA, "invalid-ca"},
    {X509_V_ERR_INVALID_NON_CA, "invalid-ca"},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "invalid-ca"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "path-too-long"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "path-too-long"},
    {X509_V_ERR_INVALID_PURPOSE, "wrong-purpose"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "weak-key"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "weak-key"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "weak-key"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "certificate-expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "certificate-not-yet-valid"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, "name-mismatch"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "name-mismatch"},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, "crl-invalid"},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, "crl-invalid"},
    {X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, "crl-invalid"},
    {X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, "crl-invalid"},
    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, "crl-invalid"},
    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, "crl-invalid"},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, "crl-invalid"},
    {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, "crl-invalid"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "crl-expired"},
    {X509_V_ERR_CRL_NOT_YET_VALID, "crl-expired"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "crl-missing"},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, "crl-missing"},
};

enum { FINDINGS = sizeof findings / sizeof *findings };

const char *verify_code(int error) {
  for (size_t i = 0; i < FINDINGS; i++) {
    if (findings[i].error == error) return findings[i].code;
  }
  return "certificate-invalid";
}

/* Findings that have no row come between the revoked and all others: what we do not know is grave. */
static size_t rank(int error) {
  for (size_t i = 0; i < FINDINGS; i++) {
    if (findings[i].error == error) return i == 0 ? 0 : i + 1;
  }
  return 1;
}

static int record_index(void) {
  static int index = -1;
  if (index < 0) index = X509_STORE_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  return index;
}

typedef struct {
  const trust *trust;
  verdict *out;
} recorder;

static void record(verdict *out, int error, int depth, bool counts) {
  bool is_known = false;
  for (size_t i = 0; i < out->count; i++) is_known = is_known || out->errors[i] == error;
  if (!is_known && out->count < VERIFY_ERRORS_MAX) out->errors[out->count++] = error;
  if (counts && (out->error == X509_V_OK || rank(error) < rank(out->error))) {
    out->error = error;
    out->depth = depth;
  }
}

static bool is_about_crl(int error) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR: return true;
    default: return false;
  }
}

/*
 * The end of a chain is trusted by itself: nobody stands above it whose list it would need. OpenSSL looks for one all the
 * same, and tries the end's own key on what it finds. See end_is_revoked.
 */
static bool is_chain_end(X509_STORE_CTX *store, int depth) {
  return depth == sk_X509_num(X509_STORE_CTX_get0_chain(store)) - 1;
}

static int on_finding(int ok, X509_STORE_CTX *store) {
  if (ok) return 1;
  recorder *to = X509_STORE_CTX_get_ex_data(store, record_index());
  int error = X509_STORE_CTX_get_error(store);
  int depth = X509_STORE_CTX_get_error_depth(store);
  if (is_about_crl(error) && is_chain_end(store, depth)) return 1;
  record(to->out, error, depth, !(error == X509_V_ERR_UNABLE_TO_GET_CRL && to->trust->crl == CRL_IF_PRESENT));
  return 1;
}

static bool is_listed(const STACK_OF(X509) * certificates, X509 *leaf) {
  for (int i = 0; i < sk_X509_num(certificates); i++) {
    if (X509_cmp(sk_X509_value(certificates, i), leaf) == 0) return true;
  }
  return false;
}

/*
 * OpenSSL asks a list only with its issuer in the chain. The end of a chain may have an issuer that is not: its lists were
 * given by the same hand as the anchors, so they are believed.
 */
static bool end_is_revoked(const trust *trust, X509 *end) {
  for (int i = 0; i < sk_X509_CRL_num(trust->crls); i++) {
    X509_REVOKED *entry = NULL;
    if (X509_CRL_get0_by_cert(sk_X509_CRL_value(trust->crls, i), &entry, end) == 1) return true;
  }
  return false;
}

static bool names_peer(X509 *leaf, const verify_request *request) {
  if (request->address_length > 0 && X509_check_ip(leaf, request->address, request->address_length, 0) == 1) return true;
  const unsigned flags = X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
  /* To X509_check_host a leading dot means every name below. */
  return request->name != NULL && request->name[0] != '.' && X509_check_host(leaf, request->name, 0, flags, NULL) == 1;
}

static void check_leaf(X509 *leaf, const verify_request *request, verdict *out) {
  /* Absent key usage reads as all bits set. */
  if ((X509_get_key_usage(leaf) & request->key_usage) != request->key_usage) {
    record(out, X509_V_ERR_INVALID_PURPOSE, 0, true);
  }
  if (request->checks_name && !names_peer(leaf, request)) {
    record(out, request->address_length > 0 ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH, 0, true);
  }
}

static void set_policy(X509_STORE_CTX *store, const verify_request *request) {
  const trust *trust = request->trust;
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
  bool has_lists = trust->crl == CRL_REQUIRED || sk_X509_CRL_num(trust->crls) > 0;
  if (trust->crl != CRL_OFF && has_lists) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (!trust->time) flags |= X509_V_FLAG_NO_CHECK_TIME;
  X509_VERIFY_PARAM_set_flags(param, flags);
  /* A fixed time would win over NO_CHECK_TIME. */
  if (trust->time && request->has_time) X509_VERIFY_PARAM_set_time(param, (time_t)request->at);
  X509_VERIFY_PARAM_set_auth_level(param, CHAIN_SECURITY_LEVEL);
  X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
  if (request->purpose == PURPOSE_SERVER) X509_STORE_CTX_set_purpose(store, X509_PURPOSE_SSL_SERVER);
  if (request->purpose == PURPOSE_CLIENT) X509_STORE_CTX_set_purpose(store, X509_PURPOSE_SSL_CLIENT);
  if (trust->crls != NULL) X509_STORE_CTX_set0_crls(store, trust->crls);
}

/*
 * OpenSSL chooses the alert by the error it is left with. A peer is told one of unknown_ca, certificate_expired,
 * certificate_revoked and bad_certificate; left alone, OpenSSL would call a bad signature decrypt_error.
 */
static int error_for_alert(int error) {
  static const char *const plain[] = {"bad-signature", "wrong-purpose", "crl-invalid", "crl-expired", "crl-missing"};
  const char *code = error == X509_V_OK ? "" : verify_code(error);
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    if (strcmp(code, plain[i]) == 0) return X509_V_ERR_CERT_REJECTED;
  }
  return error;
}

bool verify_certificate(X509_STORE_CTX *store, const verify_request *request, verdict *out) {
  const trust *trust = request->trust;
  X509 *leaf = X509_STORE_CTX_get0_cert(store);
  recorder to = {trust, out};
  memset(out, 0, sizeof *out);
  out->error = X509_V_ERR_UNSPECIFIED;
  /* The ends a chain may have: the leaf itself where it is trusted by itself, else the anchors. */
  STACK_OF(X509) *own = sk_X509_new_null();
  bool is_ready = leaf != NULL && own != NULL && X509_STORE_CTX_set_ex_data(store, record_index(), &to) == 1;
  bool is_direct = is_ready && is_listed(trust->trusted, leaf);
  if (is_direct) is_ready = sk_X509_push(own, leaf) > 0;
  if (!is_ready) {
    sk_X509_free(own);
    return false;
  }
  bool has_anchors = !is_direct && trust->anchors != NULL;
  X509_STORE_CTX_set0_trusted_stack(store, has_anchors ? trust->anchors : own);
  X509_STORE_CTX_set_verify_cb(store, on_finding);
  set_policy(store, request);

  out->error = X509_V_OK;
  int result = X509_verify_cert(store);
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
  int length = sk_X509_num(chain);
  if (result <= 0) {
    /* Every finding is overruled by on_finding, so this is a failure of OpenSSL itself: never an acceptance. */
    int error = X509_STORE_CTX_get_error(store);
    record(out, error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error, 0, true);
  }
  if (trust->crl != CRL_OFF && length > 0 && end_is_revoked(trust, sk_X509_value(chain, length - 1))) {
    record(out, X509_V_ERR_CERT_REVOKED, length - 1, true);
  }
  check_leaf(leaf, request, out);
  X509_STORE_CTX_set0_trusted_stack(store, NULL);
  sk_X509_free(own);
  X509_STORE_CTX_set_error(store, error_for_alert(out->error));
  X509_STORE_CTX_set_error_depth(store, out->depth);
  return out->error == X509_V_OK;
}
