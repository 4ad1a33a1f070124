#include "test/unit/spool/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_mx.h"
#include "ipc/proto.h"
#include "test/unit/folder.h"

static char dir[UNIT_FOLDER_MAX];
static int home = -1;
struct ev_loop *loop;
struct conf *conf;
struct queue_service *q;
int smtp = -1, mx = -1, keeper = -1, auth = -1;
const struct journal_io *disk; /* NULL: the real one */

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
never_broken(void *arg)
{
	(void)arg;
	ck_abort_msg("the spool is broken");
}

static struct conf *
give_conf(void *arg)
{
	(void)arg;
	return conf_ref(conf);
}

static const char *
no_password(void *arg, const struct conf_relay *relay)
{
	(void)arg;
	(void)relay;
	return NULL;
}

static void
stop(void *arg)
{
	(void)arg;
	ev_stop(loop);
}

/* Lets the service do what it has to do. */
void
turn(int64_t ms)
{
	ev_timer_add(loop, ms, stop, NULL);
	ev_run(loop);
}

/* The supervisor brings a line to mx. */
void
connect_mx(void)
{
	int pair[2];

	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_set_mx(q, pair[0]);
	mx = pair[1];
}

void
connect_keeper(void)
{
	int pair[2];

	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_set_keeper(q, pair[0]);
	keeper = pair[1];
}

/* mx says that it has nothing more in hand. */
void
listed(void)
{
	struct msg m;

	msg_init(&m, MX_LISTED);
	ck_assert_int_eq(line_send_fd(mx, &m), RC_OK);
}

void
start_alone(void)
{
	struct queue_service_opts o = {.loop = loop,
	    .broken = never_broken,
	    .conf = give_conf,
	    .password = no_password,
	    .io = disk};
	struct err err = {.text = ""};
	int pair[2], r;

	r = queue_service_new(&o, &q, &err);
	ck_assert_msg(r == RC_OK, "%s", err.text);
	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_add_client(q, pair[0], true);
	smtp = pair[1];
	connect_keeper();
	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_set_auth(q, pair[0]);
	auth = pair[1];
	connect_mx();
}

void
start(void)
{
	start_alone();
	listed();
}

void
end(void)
{
	queue_service_free(&q);
	io_close(&smtp);
	io_close(&mx);
	io_close(&keeper);
	io_close(&auth);
}

void
configure(const char *more)
{
	struct conf_errors errors;
	char text[1000];

	conf_free(&conf);
	(void)snprintf(text, sizeof text,
	    "hostname: mail.example.org\ndomains: [example.org]\n"
	    "accounts: { anna: {}, ben: {} }\n%s",
	    more);
	ck_assert_int_eq(conf_parse(sv_str(text), "f", &conf, &errors), RC_OK);
}

void
setup(void)
{
	home = open(".", O_RDONLY | O_DIRECTORY);
	unit_folder(dir, "queue");
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("log", 0700), 0);
	ck_assert_int_eq(mkdir("incoming", 0700), 0);
	configure("");
	disk = NULL;
	loop = ev_loop_new();
	start();
}

void
teardown(void)
{
	end();
	ev_loop_free(&loop);
	conf_free(&conf);
	clk_set_offset(0);
	ck_assert_int_eq(fchdir(home), 0);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	io_close(&home);
}

/* ---- being smtp, keeper and mx ---- */

bool
is_silent(int fd)
{
	char b;

	return recv(fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

void
await(int fd)
{
	while (is_silent(fd))
		turn(1);
}

int
answered(struct msg *m)
{
	char text[ERR_TEXT_MAX];

	return msg_answer_read(m, RC_MORE, text);
}

void
put_to(const char *sender, const char *const *to, uint32_t n)
{
	static uint8_t number;
	struct queue_to *list = xcalloc(n, sizeof *list);
	struct queue_mail mail = {
	    .delivery_id = {++number},
	    .sender = sv_str(sender),
	    .owner = SV("anna"),
	    .size = 21,
	    .flags = SPOOL_BARE,
	    .to = list,
	    .fd = memfd_create("m", MFD_CLOEXEC),
	};
	struct msg m;

	while (mail.nto < n) {
		list[mail.nto] =
		    (struct queue_to){.address = sv_str(to[mail.nto]),
			.local = strchr(to[mail.nto], '@') == NULL};
		mail.nto++;
	}
	ck_assert_int_eq(
	    io_write_all(mail.fd, "Subject: x\r\n\r\nhello\r\n", 21), RC_OK);
	msg_init(&m, QUEUE_PUT);
	m.id = number;
	queue_mail_put(&m, &mail);
	free(list);
	ck_assert_int_eq(line_send_fd(smtp, &m), RC_OK);
	await(smtp);
	ck_assert_int_eq(line_recv_fd(smtp, &m), RC_OK);
	ck_assert_uint_eq(m.id, number);
	ck_assert_int_eq(answered(&m), RC_OK);
	msg_fini(&m);
}

void
put_as(const char *sender, const char *to)
{
	put_to(sender, &to, 1);
}

/* The next message on a line; its id. */
uint32_t
expect(int fd, uint16_t type)
{
	uint32_t id;
	struct msg m;

	await(fd);
	ck_assert_int_eq(line_recv_fd(fd, &m), RC_OK);
	ck_assert_uint_eq(m.type, type);
	id = m.id;
	msg_fini(&m);
	return id;
}

void
expect_noted(uint64_t job)
{
	struct mx_noted noted;
	struct msg m;

	await(mx);
	ck_assert_int_eq(line_recv_fd(mx, &m), RC_OK);
	ck_assert_uint_eq(m.type, MX_NOTED);
	ck_assert_int_eq(mx_noted_get(&m, &noted), RC_OK);
	ck_assert_uint_eq(noted.job, job);
	msg_fini(&m);
}

/* The same of all whom a job can be for, here. */
void
mx_says(uint32_t id, bool reached, unsigned code, const char *reply_text)
{
	struct mx_verdict v[] = {
	    {0, code, sv_str(reply_text)}, {1, code, sv_str(reply_text)}};
	struct mx_outcome o = {
	    .job = 1000 + id,
	    .reached = reached,
	    .why = sv_str(reached ? "" : reply_text),
	    .verdict = v,
	    .nverdict = reached ? 2 : 0,
	};
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	mx_outcome_put(&m, &o);
	ck_assert_int_eq(line_send_fd(mx, &m), RC_OK);
	turn(20);
	/* It is on the disk: mx may forget it. */
	expect_noted(1000 + id);
}

void
keeper_says(uint32_t id)
{
	struct msg m;

	msg_answer_make(&m, id, RC_OK, "delivered");
	ck_assert_int_eq(line_send_fd(keeper, &m), RC_OK);
	turn(20);
}

struct spool_item *
only(void)
{
	ck_assert_uint_eq(spool_count(q->spool), 1);
	return spool_first(q->spool);
}

/* Makes what waits due. */
void
hurry(void)
{
	struct sched_unit *u = only()->units;

	sched_now(queue_sched_of(q, only(), u), u);
	queue_run(q);
}

/* auth's part: says which keys, signs (known), or does not. */
void
auth_says(int rc, bool known)
{
	static const char *const selector[] = {"r", "e"};
	struct sign_signature s[2];
	struct sign_done done = {.rc = rc, .s = s};
	struct sign_ask asked;
	struct msg m, q_;
	uint8_t i;

	await(auth);
	ck_assert_int_eq(line_recv_fd(auth, &q_), RC_OK);
	ck_assert_uint_eq(q_.type, AUTH_SIGN);
	ck_assert_int_eq(sign_ask_get(&q_, &asked), RC_OK);
	ck_assert(sv_eq(asked.domain, SV("example.org")));
	ck_assert_uint_eq(asked.nhash, known ? 2 : 0);
	sign_ask_fini(&asked);
	msg_init(&m, MSG_REPLY);
	m.id = q_.id;
	msg_fini(&q_);
	for (i = 0; i < 2 && (rc == RC_OK || rc == RC_NOTFOUND); i++)
		s[done.n++] = (struct sign_signature){i, sv_str(selector[i]),
		    rc == RC_OK ? SV("SIGNED") : SV("")};
	sign_done_put(&m, &done);
	ck_assert_int_eq(line_send_fd(auth, &m), RC_OK);
	turn(20);
}

/* The owner's command; how many recipients it was for. */
uint32_t
act(enum queue_action action, enum queue_pick pick, const char *text)
{
	struct queue_selector s = {(uint8_t)pick, sv_str(text), 0};
	const struct queue_act asked = {(uint8_t)action, &s, 1};
	struct queue_done done;
	struct msg m;
	int pair[2];

	ck_assert_int_eq(line_pair(pair), RC_OK);
	queue_service_add_command(q, pair[0]);
	msg_init(&m, CMD_QUEUE_ACT);
	m.id = 1;
	queue_act_put(&m, &asked);
	ck_assert_int_eq(line_send_fd(pair[1], &m), RC_OK);
	await(pair[1]);
	ck_assert_int_eq(line_recv_fd(pair[1], &m), RC_OK);
	ck_assert_int_eq(queue_done_get(&m, &done), RC_OK);
	ck_assert_int_eq(done.rc, RC_OK);
	msg_fini(&m);
	close(pair[1]);
	turn(5);
	return done.recipients;
}
