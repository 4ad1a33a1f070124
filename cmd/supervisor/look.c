#include "cmd/supervisor/look.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "cmd/supervisor/unit.h"
#include "ipc/line.h"

#define QUESTIONS_MAX 256

/* Tests have units of their own. */
const char *
look_root(void)
{
	const char *root = getenv("HEARTHMAIL_TEST_UNITS");

	return root != NULL ? root : "";
}

/* Was this process started by the service manager? */
static bool
is_service(void)
{
	return getenv("INVOCATION_ID") != NULL || look_root()[0] != '\0';
}

/* Why a folder cannot be written, or made: 0 if it can. */
static int
why_not_writable(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof part)
		return ENAMETOOLONG;
	memcpy(part, path, n + 1);
	/* What there is of it. */
	while (access(part, F_OK) != 0 && errno == ENOENT && n > 1) {
		while (n > 1 && part[n - 1] != '/')
			n--;
		if (n > 1)
			n--;
		part[n] = '\0';
	}
	return access(part, W_OK) != 0 ? errno : 0;
}

static int
why_not_readable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int why = fd < 0 ? errno : 0;

	io_close(&fd);
	return why;
}

void
look_explain(enum look_for what, const char *path, struct err *err)
{
	struct err plain = *err, why;
	struct unit u;

	if (!is_service() || (what == LOOK_READ ? why_not_readable(path)
						: why_not_writable(path)) == 0)
		return;
	unit_read(look_root(), &u);
	if (what == LOOK_READ ? unit_hides(&u, path, &why)
			      : unit_forbids(&u, path, &why))
		(void)err_set(err, plain.code, "%s; %s", plain.text, why.text);
	unit_fini(&u);
}

bool
look_at_path(enum look_for what, const char *path, struct err *err)
{
	int why =
	    what == LOOK_READ ? why_not_readable(path) : why_not_writable(path);

	if (why == 0)
		return true;
	(void)err_set(err, RC_IO, "%.150s: %s", path, strerror(why));
	look_explain(what, path, err);
	return false;
}

void
look_answer(int fd, struct msg *m)
{
	uint32_t i, n = msg_get_u32(m);
	struct msg reply;

	msg_init(&reply, MSG_REPLY);
	msg_put_u32(&reply, m->bad || n > QUESTIONS_MAX ? 0 : n);
	for (i = 0; i < n && n <= QUESTIONS_MAX && !m->bad; i++) {
		struct err err = {.text = ""};
		char path[PATH_MAX];
		uint8_t what = msg_get_u8(m);

		msg_get_str(m, path, sizeof path);
		if (!m->bad)
			(void)look_at_path(
			    what == LOOK_WRITE ? LOOK_WRITE : LOOK_READ, path,
			    &err);
		msg_put_str(&reply, err.text);
	}
	if (line_send_fd(fd, &reply) != RC_OK)
		mlog(LOG_DEBUG, "control.lost", "socket=debug");
}
