/*
 * What Node has no call for: the mark of the packets of a socket. Nothing of TLS.
 */
#include "cordon.h"

#if defined(__linux__) || defined(__APPLE__)

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* The six upper bits of an octet whose other two are the kernel's, for congestion (RFC 2474, RFC 3168). */
enum { DSCP_SHIFT = 2 };

int socket_mark(int descriptor, unsigned dscp) {
  struct sockaddr_storage local;
  socklen_t length = sizeof local;
  if (getsockname(descriptor, (struct sockaddr *)&local, &length) != 0) return errno;
  int octet = (int)(dscp << DSCP_SHIFT);
  int done = -1;
  if (local.ss_family == AF_INET) {
    done = setsockopt(descriptor, IPPROTO_IP, IP_TOS, &octet, sizeof octet);
  } else if (local.ss_family == AF_INET6) {
    done = setsockopt(descriptor, IPPROTO_IPV6, IPV6_TCLASS, &octet, sizeof octet);
  } else {
    return EAFNOSUPPORT;
  }
  return done == 0 ? 0 : errno;
}

#else

int socket_mark(int descriptor, unsigned dscp) {
  (void)descriptor;
  (void)dscp;
  return SOCKET_MARK_UNSUPPORTED;
}

#endif
