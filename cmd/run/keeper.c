/* The keeper's process: no files, no network, only lines. */

#include "cmd/run/process.h"
#include "ipc/msg_control.h"
#include "keeper/keeper.h"

static const struct sandbox_profile walls = {.name = "keeper"};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	if (role == ROLE_ACCOUNT)
		keeper_add_account(c->arg, account, fd);
	else if (role == ROLE_AUTH)
		keeper_add_client(
		    c->arg, fd, KEEPER_MAY_SESSION | KEEPER_MAY_DELIVER);
	else if (role == ROLE_QUEUE)
		keeper_add_client(
		    c->arg, fd, KEEPER_MAY_DELIVER | KEEPER_IS_QUEUE);
	else
		keeper_add_client(c->arg, fd, KEEPER_MAY_DELIVER);
}

static void
on_conf(struct child *c)
{
	keeper_set_conf(c->arg, c->conf_now);
}

static void
on_control(struct child *c, struct msg *m)
{
	char account[CTL_NAME_MAX];
	struct ctl_refused refused;
	int fd;

	if (m->type == CTL_CONTROL && (fd = msg_take_fd(m)) >= 0)
		keeper_add_client(c->arg, fd, KEEPER_MAY_LOCAL);
	if (m->type != CTL_REFUSED || ctl_refused_get(m, &refused) != RC_OK)
		return;
	sv_copy(refused.account, account, sizeof account);
	keeper_account_refused(c->arg, account);
}

static void
start_account(void *arg, uint32_t account)
{
	struct child *c = arg;
	const struct ctl_start start = {c->generation, account};
	struct msg m;

	msg_init(&m, CTL_START);
	ctl_start_put(&m, &start);
	child_tell(c, &m);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	if (c->arg != NULL)
		keeper_status(c->arg, text);
	return 0;
}

static const struct child_ops ops = {.status = on_status,
    .line = on_line,
    .conf = on_conf,
    .control = on_control};
static const struct keeper_ops keeper_calls = {.start = start_account};

int
run_keeper(int control_fd)
{
	struct child c = {0};
	struct keeper *k;
	int code;

	child_boot(&c, control_fd, &ops);
	child_enter(&c, &walls);
	k = keeper_new(c.loop, c.conf_now, &keeper_calls, &c);
	c.arg = k;
	code = child_serve(&c);
	keeper_free(&k);
	return code;
}
