#include "cmd/command/auth_line.h"

#include "base/io.h"
#include "cmd/command/command.h"
#include "ipc/line.h"
#include "ipc/msg_auth.h"

void
auth_said_init(struct auth_said *a)
{
	buf_init(&a->text, MSG_MAX);
	buf_init(&a->secret, 256);
}

void
auth_said_fini(struct auth_said *a)
{
	buf_wipe(&a->secret);
	buf_wipe(&a->text); /* a link's token */
}

int
auth_line_ask(const struct conf *conf, struct msg *m, struct auth_said *a,
    struct err *err)
{
	int fd = command_connect(conf, "auth.sock");
	struct auth_done done;
	struct msg r;
	int rc;

	if (fd < 0) {
		msg_fini(m);
		return command_unreached(conf, err) == RC_DENIED ? RC_DENIED
								 : RC_NOTFOUND;
	}
	rc = line_send_fd(fd, m);
	if (rc == RC_OK)
		rc = line_recv_fd(fd, &r);
	io_close(&fd);
	if (rc != RC_OK)
		return err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
	rc = auth_done_get(&r, &done);
	if (rc == RC_OK) {
		a->rc = done.rc;
		buf_addsv(&a->text, done.text);
		buf_addsv(&a->secret, done.secret);
	}
	msg_fini(&r);
	return rc == RC_OK ? RC_OK
			   : err_set(err, rc, "the server's answer is invalid");
}

int
auth_line_need(const char *command, const struct conf *conf, struct msg *m,
    struct auth_said *a)
{
	struct err err = {.text = ""};

	if (auth_line_ask(conf, m, a, &err) != RC_OK)
		return command_fail(command, EXIT_FAILED, "%s", err.text);
	if (a->rc != RC_OK)
		return command_fail(command, EXIT_FAILED, "%s", a->text.p);
	return EXIT_FINE;
}
