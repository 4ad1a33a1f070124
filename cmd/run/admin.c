/* The admin's pages: no files, no network, only lines.  Started when somebody
 * who may see them visits; leaves when nobody does for a while. */
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/run/process.h"
#include "ipc/msg_control.h"
#include "ipc/proto.h"
#include "web/admin/admin.h"

#define IDLE_MS (5 * 60 * 1000)

static const struct sandbox_profile walls = {
    .name = "admin", .threads = SANDBOX_THREADS_MANY};

struct state {
	struct child child;
	struct admin *admin;
	struct admin_opts o;
};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	struct state *st = c->arg;

	(void)account;
	if (role == ROLE_AUTH)
		peer_connect(st->o.auth, fd);
	else if (role == ROLE_QUEUE)
		peer_connect(st->o.queue, fd);
	else if (role == ROLE_HISTORY)
		peer_connect(st->o.history, fd);
	else
		io_close(&fd);
}

static void
on_control(struct child *c, struct msg *m)
{
	struct state *st = c->arg;

	if (m->type == CTL_ERRAND_DONE && st->admin != NULL)
		admin_errand_done(st->admin, m);
}

static const struct child_ops ops = {.line = on_line, .control = on_control};

static void
on_auth(struct line *l, struct msg *m, void *arg)
{
	struct state *st = arg;

	if (m->type == PAGE_OPEN)
		admin_open(st->admin, l, m);
}

static struct conf *
conf_now(void *arg)
{
	struct state *st = arg;

	return child_conf(&st->child);
}

static void
ask_errand(void *arg, enum errand what, uint64_t ms)
{
	const struct ctl_errand asked = {.what = (uint8_t)what, .ms = ms};
	struct state *st = arg;
	struct msg m;

	msg_init(&m, CTL_ERRAND);
	ctl_errand_put(&m, &asked);
	child_tell(&st->child, &m);
}

static void
leave(void *arg)
{
	struct state *st = arg;

	child_stop(&st->child, 0);
}

int
run_admin(int control_fd)
{
	struct state st = {.admin = NULL};
	struct child *c = &st.child;
	struct admin_opts *o = &st.o;
	int code;

	child_boot(c, control_fd, &ops);
	c->arg = &st;
	tzset();
	child_enter(c, &walls);
	*o = (struct admin_opts){.loop = c->loop,
	    .auth = peer_new(c->loop, "auth", on_auth, NULL, &st),
	    .queue = peer_new(c->loop, "queue", NULL, NULL, &st),
	    .history = peer_new(c->loop, "history", NULL, NULL, &st),
	    .conf = conf_now,
	    .errand = ask_errand,
	    .idle = leave,
	    .idle_ms = IDLE_MS,
	    .arg = &st};
	st.admin = admin_new(o);
	code = child_serve(c);
	if (!admin_free(&st.admin))
		_exit(code);
	peer_free(&o->history);
	peer_free(&o->queue);
	peer_free(&o->auth);
	return code;
}
