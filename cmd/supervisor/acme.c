#include "cmd/supervisor/acme.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"

#define LOOK_MS 5000 /* the clock may be set meanwhile */
#define AGAIN_S 600  /* after one that has said nothing */
#define MOST_S	86400
#define WISHES	8

/* Of the owner, in the order in which they came: one a run. */
struct wish {
	char name[CERT_NAME_MAX];
	int fd;	   /* of the command, which waits */
	bool told; /* the process that runs was */
};

struct acme_schedule {
	struct super *s;
	struct acme_hands hands;
	struct ev_timer *timer;
	int64_t due; /* seconds since 1970 */
	/* Since it began: what it has read at its start may be old. */
	bool asked_again;
	struct buf text, trouble;
	struct wish wish[WISHES];
	unsigned nwish;
};

static void
forget(struct acme_schedule *a)
{
	buf_reset(&a->text);
	buf_reset(&a->trouble);
}

static void
on_time(void *arg)
{
	struct acme_schedule *a = arg;
	int64_t now = clk_now() / 1000;

	a->timer = ev_timer_add(a->s->loop, LOOK_MS, on_time, a);
	if (a->s->stopping)
		return;
	if (!a->s->conf->acme.on) {
		forget(a);
		a->due = 0;
		return;
	}
	/* A clock that was set back must not let it sleep for years. */
	if (a->due > now + MOST_S)
		a->due = now + MOST_S;
	if (now < a->due)
		return;
	/* Until it says otherwise. */
	a->due = now + AGAIN_S;
	a->hands.wake(a->s);
}

/* ---- wishes ---- */

static void
answer_fd(int fd, int rc, struct sv text)
{
	char line[ERR_TEXT_MAX];
	struct msg m;

	sv_copy(sv_first(text, sizeof line - 1), line, sizeof line);
	msg_answer_make(&m, 0, rc, line);
	if (line_send_fd(fd, &m) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "socket=debug");
	io_close(&fd);
}

static void
answer_first(struct acme_schedule *a, int rc, struct sv text)
{
	answer_fd(a->wish[0].fd, rc, text);
	a->nwish--;
	memmove(&a->wish[0], &a->wish[1], a->nwish * sizeof a->wish[0]);
}

void
acme_schedule_renew(struct acme_schedule *a, int fd, struct msg *m)
{
	struct cert_renew said;
	struct wish *w;

	if (cert_renew_get(m, &said) != RC_OK) {
		io_close(&fd);
		return;
	}
	if (a == NULL || a->s->stopping) {
		answer_fd(fd, RC_TEMP, SV("the server starts or stops"));
	} else if (!a->s->conf->acme.on) {
		answer_fd(fd, RC_PERM,
		    SV("tls.acme is off: certificates are yours to renew"));
	} else if (a->nwish == WISHES) {
		answer_fd(fd, RC_TEMP, SV("others are waited for already"));
	} else {
		w = &a->wish[a->nwish++];
		*w = (struct wish){.fd = fd};
		sv_copy(said.name, w->name, sizeof w->name);
		acme_schedule_again(a);
	}
	cert_renew_fini(&said);
}

void
acme_schedule_boot(struct acme_schedule *a, struct proc *p)
{
	struct cert_renew said;
	struct msg m;

	if (a == NULL)
		return;
	a->asked_again = false;
	if (a->nwish == 0)
		return;
	a->wish[0].told = true;
	said.name = sv_str(a->wish[0].name);
	msg_init(&m, CTL_RENEW);
	cert_renew_put(&m, &said);
	if (line_send(p->control, &m) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "to=acme");
}

void
acme_schedule_gone(struct acme_schedule *a)
{
	if (a == NULL)
		return;
	if (a->nwish > 0 && a->wish[0].told)
		answer_first(a, RC_TEMP,
		    SV("it was ended before it could answer; see the log"));
	if (a->asked_again || a->nwish > 0)
		acme_schedule_again(a);
}

struct acme_schedule *
acme_schedule_new(struct super *s, const struct acme_hands *hands)
{
	struct acme_schedule *a = xcalloc(1, sizeof *a);

	a->s = s;
	a->hands = *hands;
	buf_init(&a->text, CERTIFICATES_TEXT_MAX);
	buf_init(&a->trouble, CERTIFICATES_TEXT_MAX);
	a->timer = ev_timer_add(s->loop, 0, on_time, a);
	return a;
}

void
acme_schedule_free(struct acme_schedule **ap)
{
	struct acme_schedule *a = *ap;

	if (a == NULL)
		return;
	*ap = NULL;
	while (a->nwish > 0)
		answer_first(a, RC_TEMP, SV("the server is stopping"));
	ev_timer_del(&a->timer);
	buf_fini(&a->trouble);
	buf_fini(&a->text);
	free(a);
}

void
acme_schedule_again(struct acme_schedule *a)
{
	if (a == NULL)
		return;
	a->asked_again = true;
	a->due = 0;
	ev_timer_del(&a->timer);
	a->timer = ev_timer_add(a->s->loop, 0, on_time, a);
}

static void
log_trouble(const struct acme_schedule *a)
{
	struct sv rest = buf_sv(&a->trouble);
	char q[LOG_Q_MAX];

	while (rest.n > 0)
		mlog(LOG_WARN, "acme.trouble", "text=%s",
		    log_q(q, sv_split(&rest, '\n')));
}

/* Half of what was left is gone, four fifths, or all. */
static void
write_letter(const struct acme_schedule *a, const struct ctl_certificates *c)
{
	static const char *const what[] = {"",
	    "cannot be renewed: half of the time that was left is gone",
	    "cannot be renewed: it is over soon", "has expired"};
	struct ctl_letter letter;
	struct buf subject, text;

	buf_init(&subject, ERR_TEXT_MAX - 1);
	buf_init(&text, 2 * CERTIFICATES_TEXT_MAX - 1);
	buf_addf(&subject, "The certificate of %.*s %s", SV_ARG(c->name),
	    what[c->urgency]);
	buf_adds(&text,
	    "Mail programs refuse this server, or warn, when its certificate "
	    "has expired.\nIt cannot be renewed for this reason:\n\n");
	buf_addsv(&text, c->trouble);
	buf_adds(&text, "\nThe server goes on trying; \"hearthmail status\" "
			"says how it is.\n");
	letter = (struct ctl_letter){buf_sv(&subject), buf_sv(&text)};
	a->hands.write(a->s, &letter);
	buf_fini(&text);
	buf_fini(&subject);
}

void
acme_schedule_heard(struct acme_schedule *a, struct msg *m)
{
	struct ctl_certificates said;

	if (a == NULL || ctl_certificates_get(m, &said) != RC_OK)
		return;
	if (said.next == 0) {
		/* So far.  What was said of all stays until then. */
		if (said.text.n > a->text.n)
			buf_set(&a->text, said.text);
		if (said.trouble.n > a->trouble.n)
			buf_set(&a->trouble, said.trouble);
		ctl_certificates_fini(&said);
		return;
	}
	a->due = said.next;
	buf_set(&a->text, said.text);
	buf_set(&a->trouble, said.trouble);
	log_trouble(a);
	if (said.urgency > 0)
		write_letter(a, &said);
	if (a->nwish > 0 && a->wish[0].told)
		answer_first(a, said.rc, said.answer);
	ctl_certificates_fini(&said);
}

struct sv
acme_schedule_text(const struct acme_schedule *a)
{
	return a != NULL ? buf_sv(&a->text) : SV("");
}

struct sv
acme_schedule_trouble(const struct acme_schedule *a)
{
	return a != NULL ? buf_sv(&a->trouble) : SV("");
}
