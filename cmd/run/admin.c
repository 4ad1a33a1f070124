#include "cmd/run/process.h"

static const struct sandbox_profile walls = {.name = "admin"};

static const struct child_ops ops = {.line = NULL};

int
run_admin(int control_fd)
{
	struct child c = {0};

	child_boot(&c, control_fd, &ops);
	child_enter(&c, &walls);
	return child_serve(&c);
}
