/* What happened to each message: its own folder, no network.  Nobody waits for
 * it. */
#include <time.h>

#include "base/clk.h"
#include "base/io.h"
#include "cmd/run/process.h"
#include "history/service.h"

#define LAST_WORDS_MS 1000 /* what the others say when all of them end */
#define LOOK_MS	      20

static const struct sandbox_profile walls = {.name = "history",
    .files = SANDBOX_FILES_WRITE,
    .file_max = SANDBOX_ANY_SIZE};

struct last_words {
	struct child *c;
	struct history_service *s;
	int64_t until;
};

static struct history_db_opts
opts_of(const struct conf *c)
{
	return (struct history_db_opts){.keep_ms = c->history.keep_ms,
	    .size = c->history.size,
	    .subjects = c->history.subjects};
}

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	enum history_writer who;

	if (role == ROLE_SMTP)
		who = HISTORY_W_SMTP;
	else if (role == ROLE_SUBMISSION)
		who = HISTORY_W_SUBMISSION;
	else if (role == ROLE_ACCOUNT)
		who = HISTORY_W_ACCOUNT;
	else if (role == ROLE_QUEUE)
		who = HISTORY_W_QUEUE;
	else if (role == ROLE_MX)
		who = HISTORY_W_MX;
	else if (role == ROLE_REPORT) {
		history_service_add_reader(c->arg, fd);
		return;
	} else if (role == ROLE_ADMIN) {
		history_service_add_command(c->arg, fd);
		return;
	} else {
		io_close(&fd);
		return;
	}
	history_service_add_writer(c->arg, fd, who, account);
}

static void
on_conf(struct child *c)
{
	const struct history_db_opts o = opts_of(c->conf_now);

	history_service_set_opts(c->arg, &o);
}

static void
on_control(struct child *c, struct msg *m)
{
	int fd;

	if (m->type == CTL_CONTROL && (fd = msg_take_fd(m)) >= 0)
		history_service_add_command(c->arg, fd);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	if (c->arg != NULL)
		history_service_status(c->arg, text);
	return 0;
}

static void
add_address(struct history_owner *o, const char *address)
{
	if (o->naddress < HISTORY_OWNER_MAX)
		o->address[o->naddress++] = sv_str(address);
}

/* Its own, and aliases that lead to it; they live as long as the configuration,
 * which only this thread changes. */
static void
on_owner(void *arg, const char *account, struct history_owner *out)
{
	const struct conf *c = ((const struct child *)arg)->conf_now;
	int number = conf_account_by_name(c, sv_str(account));
	size_t i, j;

	if (number < 0)
		return;
	for (i = 0; i < c->account[number].naddress; i++)
		add_address(out, c->account[number].address[i]);
	for (i = 0; i < c->nalias; i++)
		for (j = 0; j < c->alias[i].naccount; j++)
			if (c->alias[i].account[j] == (uint32_t)number)
				add_address(out, c->alias[i].address);
}

static void
on_numbers(struct child *c, uint64_t n[NUMBERS])
{
	if (c->arg != NULL)
		history_service_count(c->arg, n + NUMBER_MAIL);
}

static const struct child_ops ops = {.status = on_status,
    .numbers = on_numbers,
    .line = on_line,
    .conf = on_conf,
    .control = on_control};

static void
listen_on(void *arg)
{
	struct last_words *w = arg;

	if (history_service_writers(w->s) == 0 || clk_mono() > w->until)
		ev_stop(w->c->loop);
	else
		(void)ev_timer_add(w->c->loop, LOOK_MS, listen_on, w);
}

int
run_history(int control_fd)
{
	struct child c = {0};
	struct history_db_opts o;
	struct history_service *s;
	struct last_words w;
	int code;

	child_boot(&c, control_fd, &ops);
	o = opts_of(c.conf_now);
	tzset();
	child_enter(&c, &walls);
	s = history_service_new(c.loop, &o);
	history_service_set_owner(s, on_owner, &c);
	c.arg = s;
	code = child_serve(&c);
	/* All end at the same time: what they have noted last comes now. */
	w = (struct last_words){&c, s, clk_mono() + LAST_WORDS_MS};
	(void)ev_timer_add(c.loop, 0, listen_on, &w);
	ev_run(c.loop);
	history_service_free(&s);
	return code;
}
