/*
 * A connection as a line of blocking steps: bounded input buffer, buffered
 * output, optional TLS.  Used by one thread at a time.
 *
 * Input is looked at with stream_input() and taken with stream_consume();
 * stream_fill() gets more.  Output gathers in a buffer of at most 64 KiB and
 * goes out when that is full or at stream_flush().  Errors on output are
 * sticky: write on, and look at the result of stream_flush().
 *
 * The gate, if set, runs before any byte leaves: the account process waits
 * there for the journal (the store's output rule).  If it fails, nothing is
 * sent any more.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdarg.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/tls.h"

struct stream;

/* Takes fd (a connected stream socket) and makes it non-blocking.  input_max
 * bounds the input buffer. */
struct stream *stream_new(int fd, size_t input_max);
/* Closes without flushing; NULL-safe. */
void stream_free(struct stream **s);
int stream_fd(const struct stream *s);

/* Whose connection it is, for base/trace.h; borrowed, either may be NULL. */
void stream_set_names(struct stream *s, const char *account, const char *peer);
void stream_set_gate(struct stream *s, int (*gate)(void *arg), void *arg);
/* For output that makes no progress for so long the peer is given up.
 * Default 5 minutes. */
void stream_set_write_timeout(struct stream *s, int64_t ms);
/*
 * Nothing waits beyond this time of clk_mono(), neither for input nor for
 * output, whatever progress there is: who takes a byte a minute holds a thread
 * no longer than that.  0: no such end (the default).
 */
void stream_set_deadline(struct stream *s, int64_t at);

/*
 * Waits up to timeout_ms (0: do not wait) for more input.  RC_OK: there is
 * more than before; RC_MORE: nothing came and timeout_ms was 0; RC_TIMEOUT;
 * RC_EOF; RC_IO; RC_TOOBIG: the buffer is full, consume first.
 * Flushes the output first if it would have to wait.
 */
int stream_fill(struct stream *s, int64_t timeout_ms) RC_USE_RESULT;
/* What was read and not consumed; valid until the next stream_fill. */
struct sv stream_input(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
/* Overwrites consumed input bytes in memory: they held a password. */
void stream_wipe_consumed(struct stream *s);

void stream_write(struct stream *s, const void *p, size_t n);
void stream_puts(struct stream *s, const char *text);
void stream_putsv(struct stream *s, struct sv text);
void stream_printf(struct stream *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for n (at most 64 KiB) bytes to be filled directly, then
 * stream_wrote(n): spares a copy for message bodies. NULL after an error. */
char *stream_reserve(struct stream *s, size_t n);
void stream_wrote(struct stream *s, size_t n);
int stream_flush(struct stream *s) RC_USE_RESULT;
/* Bytes written so far, sent or not: for progress and limits. */
uint64_t stream_total_out(const struct stream *s);

/* Gives buffers back that are empty: before a long silence. */
void stream_park(struct stream *s);

/*
 * Becomes the server of a TLS connection.  Input that is already here was
 * sent in the clear behind STARTTLS: it is thrown away and its size stored in
 * *dropped_out, for the log [RFC 3207 6].  The reply "go ahead" must have
 * been flushed before.
 */
int stream_start_tls(struct stream *s, struct tls_ctx *ctx, int64_t timeout_ms,
    size_t *dropped_out, struct err *err) RC_USE_RESULT;
/*
 * Becomes the client of a TLS connection to that host.  Input that is already
 * here is thrown away.  RC_DENIED: TLS_VERIFIED was asked for and the
 * certificate is not good, or another host's.
 */
int stream_start_tls_client(struct stream *s, struct tls_client *ctx,
    const char *host, enum tls_demand demand, int64_t timeout_ms,
    struct err *err) RC_USE_RESULT;
/*
 * For a client that has not asked stream_start_tls_client to verify: is the
 * peer's certificate good, and that host's?  RC_DENIED with the reason.  The
 * certificate's SHA-256 in hex, small letters, into sha256_out in either case.
 */
int stream_tls_peer(const struct stream *s, const char *host,
    char sha256_out[65], struct err *err) RC_USE_RESULT;
bool stream_is_tls(const struct stream *s);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256", or "" in the clear. */
const char *stream_tls_name(const struct stream *s);
/* Flushes, says goodbye under TLS (waits 10 s at most for room to say it, and
 * not for the peer's), shuts the socket down. */
void stream_close(struct stream *s);

#endif
