/* The auth process: credentials and signing keys in its own folder, nothing
 * else. */
#include <stdlib.h>

#include "auth/rotation.h"
#include "auth/service.h"
#include "cmd/run/process.h"
#include "ipc/msg_control.h"
#include "msgauth/key.h"
#include "queue/spool/sched.h"

#define FILE_MAX (64u << 20) /* of credentials, keys, known networks */

static const struct sandbox_profile walls = {.name = "auth",
    .files = SANDBOX_FILES_WRITE,
    .threads = SANDBOX_THREADS_FEW,
    .memfd = true, /* letters */
    .pairs = true, /* persons' lines */
    .file_max = FILE_MAX};

static void
on_line(struct child *c, enum role role, const char *account, int fd)
{
	(void)account;
	if (role == ROLE_KEEPER)
		auth_service_set_keeper(c->arg, fd);
	else if (role == ROLE_DNS)
		auth_service_set_dns(c->arg, fd);
	else if (role == ROLE_QUEUE)
		auth_service_add_signer(c->arg, fd);
	else if (role == ROLE_ADMIN)
		auth_service_set_admin(c->arg, fd);
	else if (role == ROLE_WEB)
		auth_service_add_web(c->arg, fd);
	else
		auth_service_add_client(c->arg, fd,
		    role == ROLE_SUBMISSION ? AUTH_DOOR_SUBMISSION
		    : role == ROLE_POP3	    ? AUTH_DOOR_POP3
		    : role == ROLE_SIEVE    ? AUTH_DOOR_SIEVE
					    : AUTH_DOOR_IMAP);
}

static void
on_conf(struct child *c)
{
	auth_service_set_conf(c->arg, c->conf_now, c->generation);
}

static void
on_control(struct child *c, struct msg *m)
{
	int fd;
	struct ctl_letter letter;

	if (c->arg == NULL)
		return;
	if (m->type == CTL_LETTER && ctl_letter_get(m, &letter) == RC_OK) {
		auth_service_letter(c->arg, letter.subject, letter.text);
		ctl_letter_fini(&letter);
	}
	if (m->type == CTL_CONTROL && (fd = msg_take_fd(m)) >= 0)
		auth_service_add_command(c->arg, fd);
}

static unsigned
on_status(struct child *c, struct buf *text)
{
	if (c->arg != NULL)
		auth_service_status(c->arg, text);
	return 0;
}

static const struct child_ops ops = {.status = on_status,
    .line = on_line,
    .conf = on_conf,
    .control = on_control};

_Static_assert(ROTATION_QUEUE_S * 1000 >= SCHED_EXPIRY_MS, "auth/rotation.h");

/* Tests have no hours to wait. */
static uint32_t
test_tick(void)
{
	uint32_t ms = 0;

	if (sv_to_u32(sv_str(getenv("HEARTHMAIL_TEST_TICK")), 3600000, &ms) !=
	    RC_OK)
		ms = 0;
	return ms;
}

static void
wake_admin(void *arg)
{
	child_wake(arg, ROLE_ADMIN);
}

int
run_auth(int control_fd)
{
	struct child c = {0};
	struct auth_service *s = NULL;
	struct err err;
	int code;

	child_boot(&c, control_fd, &ops);
	dkim_key_setup();
	child_enter(&c, &walls);
	if (auth_service_new(c.loop, c.conf_now, c.generation, test_tick(), &s,
		&err) != RC_OK)
		child_die(&c, "auth.start", &err);
	child_no_more_threads(&c);
	c.arg = s;
	auth_service_set_wake(s, wake_admin, &c);
	code = child_serve(&c);
	auth_service_free(&s);
	return code;
}
