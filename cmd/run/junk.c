/* What was learned of junk: its own folder, no network, no text of mail.
 * Nobody waits for it for long. */
#include "base/io.h"
#include "cmd/run/process.h"
#include "junk/service.h"

static const struct sandbox_profile walls = {.name = "junk",
    .files = SANDBOX_FILES_WRITE,
    .file_max = SANDBOX_ANY_SIZE};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	if (role == ROLE_ACCOUNT)
		junk_service_add_account(c->arg, fd, account);
	else
		io_close(&fd);
}

static void
on_conf(struct child *c)
{
	if (c->arg != NULL)
		junk_service_set_share(c->arg, c->conf_now->junk.share);
}

static void
on_control(struct child *c, struct msg *m)
{
	int fd;

	if (m->type == CTL_CONTROL && (fd = msg_take_fd(m)) >= 0)
		junk_service_add_command(c->arg, fd);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	if (c->arg != NULL)
		junk_service_status(c->arg, text);
	return 0;
}

static const struct child_ops ops = {.status = on_status,
    .line = on_line,
    .conf = on_conf,
    .control = on_control};

int
run_junk(int control_fd)
{
	struct child c = {0};
	struct junk_service *s;
	int code;

	child_boot(&c, control_fd, &ops);
	child_enter(&c, &walls);
	s = junk_service_new(c.loop);
	c.arg = s;
	on_conf(&c);
	code = child_serve(&c);
	junk_service_free(&s);
	return code;
}
