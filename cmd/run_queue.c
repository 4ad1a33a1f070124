/* The queue's process: the spool's folder, no network. */
#include "cmd/child.h"
#include "queue/spool/service.h"

static const struct sandbox_profile walls = {
    .name = "queue", .files = SANDBOX_FILES_WRITE, .memfd = true};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	(void)account;
	if (role == ROLE_KEEPER)
		queue_service_set_keeper(c->arg, fd);
	else
		queue_service_add_client(c->arg, fd);
}

static const struct child_ops ops = {.line = on_line};

static void
on_broken(void *arg)
{
	child_stop(arg, 1);
}

int
run_queue(int control_fd)
{
	struct child c = {0};
	struct queue_service *q = NULL;
	struct err err;
	int code;

	child_boot(&c, control_fd, &ops);
	child_enter(&c, &walls);
	if (queue_service_new(c.loop, on_broken, &c, &q, &err) != RC_OK)
		child_die(&c, "queue.start", &err);
	c.arg = q;
	code = child_serve(&c);
	queue_service_free(&q);
	return code;
}
