/* Reports of other servers that have come by mail: a process of their own reads
 * them, and gets a copy. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/msg_report.h"
#include "ipc/proto.h"
#include "smtp/backend_priv.h"

#define REPORT_MS     120000
#define REPORT_TRIES  3
#define REPORT_COST   (2u << 20)  /* of each, whatever its size */
#define REPORTS_BYTES (36u << 20) /* three of 10 MB, 17 small ones */

/* One that is being read.  It has a copy of the message: who reads it must not
 * be able to change the one that is delivered. */
struct reading {
	struct smtp_backend *h;
	struct report_mail mail;
	char from[DNS_NAME_MAX];
	unsigned tries;
};

/* What one takes.  One that is too large has no copy. */
static size_t
cost_of(uint64_t size)
{
	return REPORT_COST + (size <= REPORT_MAIL_MAX ? (size_t)size : 0);
}

/* Strangers choose how many there are, and how large. */
static bool
take_room(struct smtp_backend *h, uint64_t size)
{
	size_t cost = cost_of(size);

	if (atomic_fetch_add(&h->reports_out, cost) + cost <= REPORTS_BYTES)
		return true;
	(void)atomic_fetch_sub(&h->reports_out, cost);
	return false;
}

static void
give_room(struct smtp_backend *h, uint64_t size)
{
	(void)atomic_fetch_sub(&h->reports_out, cost_of(size));
}

static void
reading_end(struct reading *x)
{
	give_room(x->h, x->mail.size);
	if (x->mail.fd >= 0)
		(void)close(x->mail.fd);
	free(x);
}

static void on_report_read(int rc, struct msg *reply, void *arg);

static void
ask_reader(struct reading *x)
{
	struct report_mail mail = x->mail;
	struct msg m;

	mail.from = sv_str(x->from);
	mail.fd = x->mail.fd >= 0 ? dup(x->mail.fd) : -1;
	msg_init(&m, REPORT_READ);
	report_mail_put(&m, &mail);
	if (!peer_up(x->h->report))
		x->h->wake_report(x->h->arg);
	peer_ask_later(x->h->report, &m, REPORT_MS, on_report_read, x);
}

/* The process may just have left, or have died of it: it is asked once more,
 * and then told only that it has died. */
static void
on_report_read(int rc, struct msg *reply, void *arg)
{
	struct reading *x = arg;

	(void)reply;
	if (rc == RC_OK) {
		reading_end(x);
		return;
	}
	if (rc == RC_TEMP && ++x->tries < REPORT_TRIES) {
		if (x->tries == REPORT_TRIES - 1) {
			x->mail.deadly = true;
			(void)close(x->mail.fd);
			x->mail.fd = -1;
		}
		ask_reader(x);
		return;
	}
	mlog(LOG_WARN, "report.lost",
	    "from=%s rc=%s text=\"a report was not read; the mail itself is "
	    "delivered\"",
	    x->from, rc_name(rc));
	reading_end(x);
}

static int
copy_piece(void *arg, const char *p, size_t n)
{
	return io_write_all(*(int *)arg, p, n);
}

/* A memory file of its own; -1: there is none, or it is too large to be read.
 */
static int
copy_of(const struct smtp_report_mail *m)
{
	int fd = -1;

	if (m->size > REPORT_MAIL_MAX)
		return -1;
	fd = memfd_create("report", MFD_CLOEXEC);
	if (fd >= 0 &&
	    io_copy_fd(m->fd, m->size, m->size, copy_piece, &fd) != RC_OK) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

void
smtp_backend_report(void *ctx, const struct smtp_report_mail *m)
{
	struct smtp_backend *h = ctx;
	struct reading *x;

	if (h->report == NULL)
		return;
	if (!take_room(h, m->size)) {
		mlog(LOG_WARN, "report.lost",
		    "text=\"too many reports at once; this one is not read, "
		    "the mail itself is delivered\"");
		return;
	}
	x = xcalloc(1, sizeof *x);
	x->h = h;
	x->mail = (struct report_mail){.verified = m->verified,
	    .expected = m->expected,
	    .received = clk_now() / 1000,
	    .size = m->size,
	    .fd = copy_of(m)};
	if (m->from.n < sizeof x->from)
		sv_copy(m->from, x->from, sizeof x->from);
	ask_reader(x);
}
