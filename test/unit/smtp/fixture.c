#include "test/unit/smtp/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"
#include <sodium.h>
#include "test/unit/unit.h"

static int
fake_lookup(void *ctx, struct sv address,
    void (*add)(void *arg, const char *account), void *arg)
{
	size_t at = sv_rchr(address, '@');

	(void)ctx;
	if (sv_ieq(address, SV("postmaster")) ||
	    sv_ieq(address, SV("postmaster@example.org")) ||
	    sv_ieq(address, SV("postmaster+dmarc@example.org")) ||
	    sv_ieq(address, SV("anna@example.org")))
		add(arg, "anna");
	else if (sv_ieq(address, SV("ben@example.org")))
		add(arg, "ben");
	else if (sv_istarts(address, SV("club")))
		add(arg, "anna");
	else if (sv_istarts(address, SV("far@")) ||
		 sv_istarts(address, SV("empty@")))
		return RC_OK;
	else if (sv_ieq(address, SV("family@example.org"))) {
		add(arg, "anna");
		add(arg, "ben");
	} else if (sv_ieq(address, SV("later@example.org")))
		return RC_TEMP;
	else if (sv_ieq(address, SV("full@example.org")))
		return RC_NOSPACE;
	else if (sv_ieq(sv_skip(address, at + 1), SV("example.org")))
		return RC_NOTFOUND;
	else
		return RC_DENIED;
	return RC_OK;
}

static size_t
fake_forwards(void *ctx, struct sv address, struct buf *alias)
{
	size_t n = sv_istarts(address, SV("club"))   ? 2
		   : sv_istarts(address, SV("far@")) ? 1
						     : 0;

	(void)ctx;
	if (n > 0)
		buf_adds(
		    alias, n == 2 ? "club@example.org" : "far@example.org");
	return n;
}

static int
fake_returns(void *ctx, struct sv address)
{
	(void)ctx;
	return sv_istarts(address, SV("SRS0=good"))  ? RC_OK
	       : sv_istarts(address, SV("SRS0=old")) ? RC_TIMEOUT
	       : sv_istarts(address, SV("SRS0=own")) ? RC_NOTFOUND
						     : RC_DENIED;
}

static int
fake_login(void *ctx, struct sv sasl, const char *peer, enum smtp_tls tls,
    struct smtp_login *out)
{
	struct fixture *k = ctx;

	(void)peer;
	(void)tls;
	k->logins++;
	buf_reset(&k->sasl);
	buf_addsv(&k->sasl, sasl);
	if (k->login_rc != RC_OK)
		return k->login_rc;
	if (!sv_eq(sasl, sv_of("\0anna\0secret", 12)))
		return RC_DENIED;
	*out = (struct smtp_login){.account = "anna", .number = 0};
	return RC_OK;
}

static bool
fake_may_send(void *ctx, const struct smtp_login *who, struct sv address)
{
	(void)ctx;
	return strcmp(who->account, "anna") == 0 &&
	       sv_ieq(address, SV("anna@example.org"));
}

static int
fake_file(void *ctx, int *fd_out)
{
	struct fixture *k = ctx;

	k->files++;
	if (k->file_rc != RC_OK)
		return k->file_rc;
	*fd_out = memfd_create("file", MFD_CLOEXEC);
	return RC_OK;
}

static int
fake_deliver(void *ctx, const struct smtp_delivery *d, struct err *err)
{
	struct fixture *k = ctx;
	struct fixture_delivery *g;
	size_t i;
	char *p;

	if (k->deliver_rc != RC_OK)
		return err_set(err, k->deliver_rc, "as the test wants it");
	pthread_mutex_lock(&k->lock);
	ck_assert_uint_lt(k->ngot, 16);
	g = &k->got[k->ngot++];
	memcpy(g->id, d->id, sizeof g->id);
	buf_addsv(&g->sender, d->sender);
	for (i = 0; i < d->naccount; i++) {
		if (i > 0)
			buf_addc(&g->accounts, ' ');
		buf_adds(&g->accounts, d->account[i].name);
		if (d->account[i].junk)
			buf_adds(&g->accounts, "(junk)");
		g->junk = g->junk || d->account[i].junk;
		g->override[i < 2 ? i : 1] = d->account[i].override;
		g->known[i < 2 ? i : 1] = d->account[i].known;
	}
	g->judged = d->verdict != NULL;
	g->unscanned = d->unscanned;
	if (g->judged)
		g->verdict = *d->verdict;
	for (i = 0; i < d->nforward; i++)
		buf_addf(&g->forward, "%s%s", i > 0 ? " " : "",
		    d->forward[i].address);
	buf_addsv(&g->results, d->results);
	g->bare = d->bare;
	buf_addsv(&g->message, d->front);
	p = buf_reserve(&g->message, d->size);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(io_pread_all(d->fd, p, d->size, 0), RC_OK);
	buf_added(&g->message, d->size);
	pthread_mutex_unlock(&k->lock);
	return RC_OK;
}

const struct smtp_ops fixture_ops = {
    .lookup = fake_lookup,
    .forwards = fake_forwards,
    .returns = fake_returns,
    .login = fake_login,
    .may_send = fake_may_send,
    .file = fake_file,
    .deliver = fake_deliver,
};

static bool
fake_may_take(void *arg, unsigned n)
{
	struct fixture *k = arg;

	k->taken += n;
	return k->may_take;
}

static bool
fake_may_defer(void *arg, struct sv sender, struct sv author)
{
	struct fixture *k = arg;

	(void)sender;
	ck_assert_uint_gt(author.n, 0);
	return k->may_defer;
}

static void
fake_deferred(void *arg, struct sv signatures)
{
	struct fixture *k = arg;

	buf_set(&k->waiting, signatures);
}

static int64_t
fake_waited(void *arg, struct sv signatures)
{
	const struct fixture *k = arg;

	return sv_eq(buf_sv(&k->waiting), signatures) ? k->later : 0;
}

void
fixture_init(struct fixture *k, bool submission)
{
	size_t i;

	memset(k, 0, sizeof *k);
	k->o = (struct smtp_server_opts){.hostname = "mail.example.org",
	    .submission = submission,
	    .limits = SMTP_LIMITS_DEFAULT,
	    .ops = &fixture_ops,
	    .ctx = k};
	k->o.limits.command_timeout = k->o.limits.data_timeout = 5000;
	k->budget.memory.max = k->o.limits.memory;
	k->budget.files.max = k->o.limits.files;
	k->may_take = true;
	ck_assert_int_eq(pthread_mutex_init(&k->budget.lock, NULL), 0);
	ck_assert_int_eq(pthread_mutex_init(&k->lock, NULL), 0);
	buf_init(&k->sasl, 100000);
	buf_init(&k->waiting, 100000);
	for (i = 0; i < 16; i++) {
		buf_init(&k->got[i].sender, 10000);
		buf_init(&k->got[i].accounts, 10000);
		buf_init(&k->got[i].forward, 10000);
		buf_init(&k->got[i].results, 10000);
		buf_init(&k->got[i].message, 64u << 20);
	}
}

void
fixture_init_asking(struct fixture *k, struct smtp_ops *ops,
    int (*ask)(void *ctx, const char *name, bool any, enum dns_type type,
	int64_t ms, dns_done_fn *fn, void *arg))
{
	fixture_init(k, false);
	*ops = fixture_ops;
	ops->ask = ask;
	k->o.ops = ops;
	k->not_loopback = true;
}

void
fixture_record(struct dns_answer *a, struct sv bytes)
{
	a->rc = RC_OK;
	a->n = 1;
	a->bytes = xmalloc(bytes.n);
	memcpy(a->bytes, bytes.p, bytes.n);
	a->record = xcalloc(1, sizeof *a->record);
	a->record[0] = sv_of(a->bytes, bytes.n);
}

void
fixture_text(struct dns_answer *a, struct sv text)
{
	struct buf b;

	buf_init(&b, 4096);
	for (; text.n > 0; text = sv_skip(text, 200)) {
		struct sv s = sv_first(text, 200);

		buf_addc(&b, (char)s.n);
		buf_addsv(&b, s);
	}
	fixture_record(a, buf_sv(&b));
	buf_fini(&b);
}

void
fixture_fini(struct fixture *k)
{
	size_t i;

	ck_assert_uint_eq(k->budget.memory.used, 0);
	ck_assert_uint_eq(k->budget.files.used, 0);
	for (i = 0; i < 16; i++) {
		buf_fini(&k->got[i].sender);
		buf_fini(&k->got[i].accounts);
		buf_fini(&k->got[i].forward);
		buf_fini(&k->got[i].results);
		buf_fini(&k->got[i].message);
	}
	buf_fini(&k->waiting);
	buf_fini(&k->sasl);
}

struct run {
	struct smtp_conn conn;
};

static void *
session_main(void *arg)
{
	struct run *r = arg;

	smtp_session_run(&r->conn);
	free(r);
	return NULL;
}

int
fixture_start(struct fixture *k, pthread_t *thread)
{
	struct run *r = calloc(1, sizeof *r);
	int fd[2];

	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	r->conn.o = &k->o;
	r->conn.limits = k->o.limits;
	r->conn.budget = &k->budget;
	(void)snprintf(r->conn.peer, sizeof r->conn.peer, "%s",
	    k->not_loopback ? "192.0.2.7" : "127.0.0.1");
	r->conn.loopback = !k->not_loopback;
	r->conn.implicit_tls = k->implicit_tls;
	r->conn.id = 1;
	r->conn.fd = fd[0];
	r->conn.may_take = fake_may_take;
	r->conn.may_defer = fake_may_defer;
	r->conn.deferred = fake_deferred;
	r->conn.waited = fake_waited;
	r->conn.arg = k;
	ck_assert_int_eq(pthread_create(thread, NULL, session_main, r), 0);
	return fd[1];
}

void
fixture_read_all(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		buf_add(out, chunk, (size_t)n);
}

/* The client's half while the test reads: neither may wait for the other. */
struct writer {
	int fd;
	struct sv in;
	size_t piece;
};

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	size_t piece = w->piece > 0 ? w->piece : w->in.n;

	while (w->in.n > 0) {
		struct sv now = sv_first(w->in, piece);
		ssize_t n = send(w->fd, now.p, now.n, MSG_NOSIGNAL);

		if (n <= 0)
			break; /* the server has closed */
		w->in = sv_skip(w->in, (size_t)n);
	}
	(void)shutdown(w->fd, SHUT_WR);
	return NULL;
}

void
fixture_talk(struct fixture *k, struct sv in, size_t piece, struct buf *out)
{
	pthread_t session, writing;
	struct writer w = {fixture_start(k, &session), in, piece};

	ck_assert_int_eq(pthread_create(&writing, NULL, writer_main, &w), 0);
	fixture_read_all(w.fd, out);
	pthread_join(session, NULL);
	pthread_join(writing, NULL);
	(void)close(w.fd);
}

void
fixture_codes(struct sv out, struct buf *codes)
{
	while (out.n > 0) {
		struct sv line = sv_split(&out, '\n'), enh;

		ck_assert_msg(
		    line.n >= 5 && line.n <= 511 && line.p[line.n - 1] == '\r',
		    "a reply line of %zu bytes", line.n);
		if (line.p[3] == '-')
			continue;
		if (codes->n > 0)
			buf_addc(codes, ' ');
		buf_addsv(codes, sv_first(line, 3));
		enh = sv_skip(line, 4);
		enh = sv_first(enh, sv_chr(enh, ' '));
		if (enh.n >= 5 && ascii_is_digit(enh.p[0]) && enh.p[1] == '.') {
			buf_addc(codes, '/');
			buf_addsv(codes, enh);
		}
	}
}

void
fixture_check_codes(const char *name, struct sv codes, const char *want)
{
	struct sv wanted = sv_trim(sv_str(want));

	ck_assert_msg(sv_chr(wanted, ' ') < wanted.n,
	    "%s: a greeting alone is no answer to it", name);
	ck_assert_msg(
	    sv_eq(sv_trim(codes), wanted), "%s: got %.*s", name, SV_ARG(codes));
}

void
unit_start(void)
{
	must(sodium_init() >= 0);
	log_setup("test", LOG_ERROR);
}
