/* Reports of others about our domains, read one at a time: no files, no
 * network, no mail but the copy of one.  Started when one has come. */
#include "base/io.h"
#include "base/log.h"
#include "cmd/run/process.h"
#include "ipc/msg_answer.h"
#include "mail/domain.h"
#include "mime/mime.h"
#include "report/sentences.h"
#include "report/service.h"

#define IDLE_MS 5000
#define KEEP_MS 30000

struct state {
	struct child child;
	struct report_service *service;
	struct peer *history;
	unsigned out; /* what history has not yet confirmed */
};

static const struct sandbox_profile walls = {.name = "report"};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	(void)account;
	struct state *st = c->arg;

	if (role == ROLE_SMTP)
		report_service_add_client(st->service, fd);
	else if (role == ROLE_HISTORY)
		peer_connect(st->history, fd);
	else
		io_close(&fd);
}

static const struct child_ops ops = {.line = on_line};

/* One of ours, or below, or above: who has mail.example.org alone gets the
 * reports of what example.org publishes. */
static bool
is_ours(void *arg, struct sv domain)
{
	const struct state *st = arg;
	const struct conf *conf = st->child.conf_now;
	size_t i;

	for (i = 0; i < conf->ndomain; i++) {
		struct sv own = sv_str(conf->domain[i].name);

		if (mail_domain_is_within(domain, own) ||
		    (mail_domain_is_within(own, domain) &&
			sv_chr(domain, '.') < domain.n))
			return true;
	}
	return false;
}

static void
log_record(const struct report_record *r, const char *event)
{
	static const char *const kind[] = {"dmarc", "tls", "unknown"};
	const struct report_known nobody = {.arg = NULL};
	struct report_sums sums = {.reports = 0};
	struct report_record all = *r;
	char org[LOG_Q_MAX], from[LOG_Q_MAX], domain[LOG_Q_MAX];
	char why[LOG_Q_MAX];

	all.verified = true;
	report_sum(&all, &nobody, &sums);
	mlog(r->refused.n > 0 ? LOG_WARN : LOG_INFO, event,
	    "kind=%s org=%s from=%s verified=%d domain=%s mails=%llu "
	    "failed=%llu sessions=%llu sessions_failed=%llu text=%s",
	    kind[r->kind], log_q(org, r->org), log_q(from, r->from),
	    r->verified, log_q(domain, r->domain),
	    (unsigned long long)sums.mails, (unsigned long long)sums.failed,
	    (unsigned long long)sums.sessions,
	    (unsigned long long)sums.sessions_failed, log_q(why, r->refused));
}

static void
on_kept(int rc, struct msg *reply, void *arg)
{
	struct state *st = arg;
	char text[ERR_TEXT_MAX];

	st->out--;
	if (rc == RC_OK)
		rc = msg_answer_read(reply, RC_TEMP, text);
	if (rc == RC_EXISTS)
		mlog(LOG_INFO, "report.again",
		    "text=\"it had come before and counts once\"");
	else if (rc != RC_OK)
		mlog(LOG_WARN, "report.unkept",
		    "rc=%s text=\"what a report says could not be kept\"",
		    rc_name(rc));
}

static void
keep(void *arg, const struct report_record *r)
{
	struct state *st = arg;
	struct msg m;

	log_record(r, r->refused.n > 0 ? "report.refused" : "report.read");
	msg_init(&m, REPORT_KEEP);
	report_record_put(&m, r);
	st->out++;
	peer_ask_later(st->history, &m, KEEP_MS, on_kept, st);
}

/* False: something is still on its way. */
static bool
leave(void *arg)
{
	struct state *st = arg;

	if (st->out > 0)
		return false;
	child_stop(&st->child, 0);
	return true;
}

int
run_report(int control_fd)
{
	struct state st = {.out = 0};
	struct child *c = &st.child;
	struct report_service_opts o = {.is_ours = is_ours,
	    .keep = keep,
	    .idle = leave,
	    .arg = &st,
	    .idle_ms = IDLE_MS};
	int code;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	mime_charset_setup();
	child_enter(c, &walls);
	o.loop = c->loop;
	st.history = peer_new(c->loop, "history", NULL, NULL, c);
	st.service = report_service_new(&o);
	code = child_serve(c);
	report_service_free(&st.service);
	peer_free(&st.history);
	return code;
}
