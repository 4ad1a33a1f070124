#include "attach/clamd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"

#define PIECE	  65536
#define REPLY_MAX 1024

/* ---- what it says ---- */

static void
put_name(struct sv text, struct clamd_answer *out)
{
	size_t i;

	text = sv_first(sv_trim(text), sizeof out->name - 1);
	for (i = 0; i < text.n; i++)
		out->name[i] = ascii_is_print(text.p[i]) ? text.p[i] : '?';
	out->name[i] = '\0';
}

/* What it finds by its settings, and is not a virus. */
static enum clamd_says
kind_of(struct sv name)
{
	if (sv_starts(name, SV("Heuristics.Encrypted.")))
		return CLAMD_ENCRYPTED;
	if (sv_starts(name, SV("Heuristics.Limits.Exceeded")))
		return CLAMD_TOO_LARGE;
	return CLAMD_FOUND;
}

void
clamd_read(struct sv reply, struct clamd_answer *out)
{
	struct sv found = SV(" FOUND"), stream = SV("stream: ");

	*out = (struct clamd_answer){.says = CLAMD_FAILED};
	reply = sv_trim(sv_first(reply, sv_chr(reply, '\0')));
	if (sv_starts(reply, SV("INSTREAM size limit exceeded"))) {
		out->says = CLAMD_TOO_LARGE;
		return;
	}
	if (!sv_starts(reply, stream)) {
		put_name(reply.n > 0 ? reply : SV("no answer"), out);
		return;
	}
	reply = sv_skip(reply, stream.n);
	if (sv_eq(reply, SV("OK"))) {
		out->says = CLAMD_CLEAN;
		return;
	}
	put_name(reply, out);
	if (!sv_ends(reply, found))
		return;
	reply = sv_first(reply, reply.n - found.n);
	put_name(reply, out);
	out->says = kind_of(reply);
}

/* ---- the conversation ---- */

static int
wait_for(int sock, short events, int64_t until)
{
	struct pollfd p = {.fd = sock, .events = events};
	int64_t left = until - clk_mono();
	int k;

	if (left <= 0)
		return RC_TIMEOUT;
	k = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
	if (k < 0)
		return errno == EINTR ? RC_OK : RC_TEMP;
	return k == 0 ? RC_TIMEOUT : RC_OK;
}

static int
send_all(int sock, const char *p, size_t n, int64_t until)
{
	int r = RC_OK;

	while (n > 0 && r == RC_OK) {
		ssize_t k = send(sock, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (k >= 0) {
			p += k;
			n -= (size_t)k;
		} else if (errno == EAGAIN) {
			r = wait_for(sock, POLLOUT, until);
		} else if (errno != EINTR) {
			r = RC_IO;
		}
	}
	return r;
}

static int
send_file(int sock, int fd, uint64_t size, int64_t until)
{
	char *piece = xmalloc(4 + PIECE);
	uint64_t at = 0;
	int r = send_all(sock, "zINSTREAM", sizeof "zINSTREAM", until);

	while (r == RC_OK && at < size) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;

		be_put32(piece, (uint32_t)n);
		r = io_pread_all(fd, piece + 4, n, at);
		if (r == RC_OK)
			r = send_all(sock, piece, 4 + n, until);
		at += n;
	}
	if (r == RC_OK)
		r = send_all(sock, "\0\0\0", 4, until);
	explicit_bzero(piece, 4 + PIECE);
	free(piece);
	return r;
}

static void
receive(int sock, int64_t until, struct buf *out)
{
	while (out->n < out->max && sv_chr(buf_sv(out), '\0') == out->n) {
		char *p = buf_reserve(out, 1);
		ssize_t k = recv(sock, p, 1, MSG_DONTWAIT);

		if (k == 1)
			buf_added(out, 1);
		else if (k == 0 || (errno != EAGAIN && errno != EINTR) ||
			 wait_for(sock, POLLIN, until) != RC_OK)
			return;
	}
}

void
clamd_scan(
    int sock, int fd, uint64_t size, int64_t until, struct clamd_answer *out)
{
	struct buf reply;
	int r = send_file(sock, fd, size, until);

	buf_init(&reply, REPLY_MAX);
	/* It may have said why it does not take the rest. */
	if (r == RC_OK || r == RC_IO)
		receive(sock, until, &reply);
	clamd_read(buf_sv(&reply), out);
	if (r == RC_TIMEOUT)
		put_name(SV("it does not take the message in time"), out);
	buf_fini(&reply);
}
