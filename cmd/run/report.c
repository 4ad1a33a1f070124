/* Reports of others about our domains, read one at a time: no files, no
 * network, no mail but the copy of one.  Started when one has come. */
#include "base/io.h"
#include "base/log.h"
#include "cmd/run/process.h"
#include "mime/mime.h"
#include "report/sentences.h"
#include "report/service.h"

#define IDLE_MS 5000

static const struct sandbox_profile walls = {.name = "report"};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	(void)account;
	if (role == ROLE_SMTP)
		report_service_add_client(c->arg, fd);
	else
		io_close(&fd);
}

static const struct child_ops ops = {.line = on_line};

static bool
is_within(struct sv domain, struct sv other)
{
	size_t n = other.n;

	return domain.n >= n && sv_ieq(sv_skip(domain, domain.n - n), other) &&
	       (domain.n == n || domain.p[domain.n - n - 1] == '.');
}

/* One of ours, or below, or above: who has mail.example.org alone gets the
 * reports of what example.org publishes. */
static bool
is_ours(void *arg, struct sv domain)
{
	const struct child *c = arg;
	size_t i;

	for (i = 0; i < c->conf_now->ndomain; i++) {
		struct sv own = sv_str(c->conf_now->domain[i].name);

		if (is_within(domain, own) ||
		    (is_within(own, domain) && sv_chr(domain, '.') < domain.n))
			return true;
	}
	return false;
}

static void
keep(void *arg, const struct report_record *r)
{
	static const char *const kind[] = {"dmarc", "tls", "unknown"};
	const struct report_known nobody = {.arg = NULL};
	struct report_sums sums = {.reports = 0};
	char org[LOG_Q_MAX], from[LOG_Q_MAX], domain[LOG_Q_MAX];
	char why[LOG_Q_MAX];

	(void)arg;
	report_sum(r, &nobody, &sums);
	mlog(r->refused.n > 0 ? LOG_WARN : LOG_INFO,
	    r->refused.n > 0 ? "report.refused" : "report.read",
	    "kind=%s org=%s from=%s verified=%d domain=%s mails=%llu "
	    "failed=%llu sessions=%llu sessions_failed=%llu text=%s",
	    kind[r->kind], log_q(org, r->org), log_q(from, r->from),
	    r->verified, log_q(domain, r->domain),
	    (unsigned long long)sums.mails, (unsigned long long)sums.failed,
	    (unsigned long long)sums.sessions,
	    (unsigned long long)sums.sessions_failed, log_q(why, r->refused));
}

static void
leave(void *arg)
{
	child_stop(arg, 0);
}

int
run_report(int control_fd)
{
	struct child c = {0};
	struct report_service_opts o = {.is_ours = is_ours,
	    .keep = keep,
	    .idle = leave,
	    .arg = &c,
	    .idle_ms = IDLE_MS};
	struct report_service *s;
	int code;

	child_boot(&c, control_fd, &ops);
	mime_charset_setup();
	child_enter(&c, &walls);
	o.loop = c.loop;
	s = report_service_new(&o);
	c.arg = s;
	code = child_serve(&c);
	report_service_free(&s);
	return code;
}
