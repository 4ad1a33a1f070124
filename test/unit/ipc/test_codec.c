/* The messages between processes, each of them: what is put is what is got,
 * and what is cut off, too long or lying is refused as a whole. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/messages.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/msg_auth.h"
#include "ipc/msg_control.h"
#include "ipc/msg_dns.h"
#include "ipc/msg_history.h"
#include "ipc/msg_import.h"
#include "ipc/msg_junk.h"
#include "ipc/msg_mx.h"
#include "ipc/msg_queue.h"
#include "ipc/msg_report.h"
#include "ipc/msg_page.h"
#include "ipc/msg_person.h"
#include "ipc/msg_web.h"
#include "test/unit/unit.h"

struct sample {
	const struct codec_type *type;
	const void *value;
	size_t fd; /* offset of the first of its descriptors */
	unsigned nfd;
};

#define PLAIN(name, ...)                                         \
	{                                                        \
		&name##_codec, &(struct name){__VA_ARGS__}, 0, 0 \
	}
/* Its descriptors that are there, one behind the other, begin with field f. */
#define WITH_FD(name, f, n, ...)                            \
	{                                                   \
		&name##_codec, &(struct name){__VA_ARGS__}, \
		    offsetof(struct name, f), n             \
	}
/* As SV(), but constant. */
#define T(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
#define LIST(type, ...)     \
	(type[])            \
	{                   \
		__VA_ARGS__ \
	}

static const struct sample samples[] = {
    PLAIN(msg_answer, RC_TEMP, T("try again")),
    WITH_FD(session_open, fd, 1, .account = T("anna"), .service = 3,
	.credential = 1ull << 63, .peer = T("192.0.2.1"), .tls = true,
	.tag = T("a1")),
    PLAIN(session_open, .account = T("anna"), .fd = -1),
    PLAIN(session_kick, T("anna"), 7),
    WITH_FD(session_local, fd, 1, .account = T("anna"), .who = 2),
    WITH_FD(mail_delivery, fd, 1, .account = T("anna"), .delivery_id = {1, 2},
	.size = 77, .flags = DELIVER_OPAQUE, .junk_score = 9,
	.verdict = T("\5\2\1\1"), .sender = T("x@example.test"),
	.written = T("a@example.org")),
    PLAIN(mail_delivery, .account = T("anna"), .fd = -1),
    WITH_FD(expunged_ask, fd, 1, .account = T("anna"),
	.q = {.action = EXPUNGED_PURGE,
	    .since = -1,
	    .from = T("f"),
	    .subject = T("s"),
	    .id = T("1.2"),
	    .folder = T("INBOX"),
	    .to = T("Back")}),
    PLAIN(expunged_done, .text = T(""), .messages = 1, .bytes = 2, .freed = 3),
    PLAIN(expunged_done, .rc = RC_IO, .text = T("no")),
    PLAIN(account_usage, 1, 2),
    PLAIN(account_full, T("anna"), true),
    WITH_FD(account_mail, fd, 1, .account = T("anna"), .id = {3},
	.kind = ACCOUNT_MAIL_LETTER, .sender = T("a@example.org"),
	.to = T("x@example.test"), .via = T("b@example.org"),
	.results = T("A: b\r\n"), .size = 9),
    PLAIN(account_mail, .fd = -1),
    WITH_FD(rules_ask, fd, 1, .account = T("anna"), .action = RULES_TEST,
	.name = T("n"), .to = T("t"), .sender = T("x@example.test"),
	.written = T("a@example.org"), .size = 4),
    PLAIN(account_sent, .account = T("anna"), .id = {3}, .rc = RC_DENIED,
	.text = T("too many")),
    WITH_FD(login_ask, fd, 1, .service = 2, .sasl = T("\0anna\0secret"),
	.peer = T("192.0.2.1"), .tls = true, .tag = T("a1")),
    PLAIN(login_ask, .fd = -1),
    PLAIN(login_done, RC_OK, T(""), 3, T("anna"), 4, 1ull << 40),
    PLAIN(login_done, .rc = RC_DENIED, .text = T("no")),
    PLAIN(sign_ask, .domain = T("example.org"),
	.hash = LIST(struct sign_hash, {T("r"), {1, 2, 3}}, {T("e"), {4, 5}}),
	.nhash = 2),
    PLAIN(sign_done, .text = T(""),
	.s = LIST(struct sign_signature, {0, T("r"), T("rrr")},
	    {1, T("e"), T("eee")}),
	.n = 2),
    PLAIN(link_ask, LINK_TAKE, T("AAAA")),
    PLAIN(link_done, RC_OK, T("anna"), T("phone"), T("anna@example.org"),
	T("BBBB"), T("secret"), 900),
    PLAIN(link_done, .rc = RC_EXISTS, .account = T(""), .device = T(""),
	.address = T(""), .ticket = T(""), .password = T("")),
    PLAIN(auth_command, T("anna"), T("phone"), true),
    PLAIN(device_order, T("anna"), T("phone"), T("mum@example.org")),
    PLAIN(dkim_order, 3, T("example.org"), T("s1")),
    PLAIN(auth_done, RC_OK, T("done"), T("secret")),
    WITH_FD(ctl_boot, conf, 3, .build = T("b"), .role = 1, .generation = 2,
	.account = 3, .account_name = T("anna"), .sandbox_off = true,
	.landlock_max = -1, .kill_unknown = true, .uid = 4, .gid = 5,
	.folder = T("/f"), .other = T("/o"), .level = 1, .journal = true,
	.clock_offset = -7, .has_tls = true, .has_tally = true),
    WITH_FD(ctl_boot, conf, 1, .build = T("b")),
    WITH_FD(ctl_listen, fd, 1, .service = 3),
    WITH_FD(ctl_line, fd, 1, .role = 2, .account = T("anna")),
    WITH_FD(ctl_config, fd, 1, .generation = 2),
    PLAIN(ctl_drain, 5000),
    PLAIN(ctl_start, 1, 2),
    PLAIN(ctl_refused, T("anna")),
    PLAIN(ctl_accuse, 4),
    PLAIN(ctl_wake, 5),
    PLAIN(ctl_certificates, 1ll << 40, T("a: good"), T("b: bad"), 2, T("b"),
	RC_TEMP, T("later")),
    PLAIN(cert_renew, T("mail.example.org")),
    PLAIN(ctl_letter, T("s"), T("t")),
    WITH_FD(ctl_clamd, fd, 1, .fd = -1),
    PLAIN(ctl_clamd, .fd = -1),
    PLAIN(ctl_errand, ERRAND_DNS, 60000),
    WITH_FD(ctl_errand_done, fd, 1, .what = ERRAND_CHECK, .when = 1ll << 40,
	.status = 78),
    PLAIN(ctl_errand_done, .rc = RC_DENIED, .fd = -1),
    PLAIN(ctl_debug, 255, T("peer=192.0.2.1"), 60000),
    PLAIN(cmd_debug, T("smtp"), {1, T(""), 0}),
    PLAIN(ctl_status, 3, 1ull << 33,
	LIST(struct status_number, {1, 1ull << 50}, {2, 3}), 2, T("lines"),
	{LIST(uint64_t, 1, 2), 2,
	    LIST(struct status_event, {1, 5, T("a")}, {2, -1, T("b")}), 2}),
    PLAIN(status_record, T("account"), T("anna"), 77, 1000, 2, T("xyz")),
    WITH_FD(status_all, fd, 1, .ms = 1, .backup_failed = 2, .why = T("no room"),
	.cert_trouble = T("none"), .published_when = 3,
	.published_trouble = T("MX"), .certificates = T("a"),
	.certificates_trouble = T("b"),
	.day = {.tally = LIST(uint64_t, 9), .ntally = 1}),
    PLAIN(status_all, .rc = RC_TEMP, .fd = -1),
    PLAIN(look_ask, LIST(struct look_file, {0, T("/a")}, {1, T("/b")}), 2),
    PLAIN(look_done, LIST(struct sv, T(""), T("no")), 2),
    PLAIN(dns_question, T("example.org"), 15, true),
    PLAIN(dns_reply, .rc = RC_OK, .security = 2, .ttl = 300,
	.canonical = T("example.org"),
	.record = LIST(struct sv, T("abc"), T(""), T("d")), .nrecord = 3),
    PLAIN(dns_direct, .rc = RC_OK, .zone = T("example.org"),
	.negative_ttl = 600,
	.server = LIST(struct dns_direct_answer,
	    {T("ns1.example.org"), T("192.0.2.1"), false, RC_OK, 1, 60,
		T("example.org"), T("abc")},
	    {T("ns2.example.org"), T("2001:db8::1"), true, RC_TEMP, 0, 0, T(""),
		T("")}),
	.n = 2),
    PLAIN(xfer_say, 2, T("left out: 3")),
    PLAIN(xfer_path, T("a/b")),
    PLAIN(xfer_finish, T("a"), T("b"), -1),
    PLAIN(xfer_log, T("1 2\n")),
    WITH_FD(xfer_done, fd, 1, .text = T("")),
    PLAIN(xfer_done, .rc = RC_EXISTS, .text = T("no"), .fd = -1),
    PLAIN(xfer_names, .text = T(""), .more = true,
	.name = LIST(struct xfer_name, {0, T("cur")}, {1, T("new")}), .n = 2),
    PLAIN(xfer_names, .rc = RC_NOTFOUND, .text = T("no")),
    PLAIN(junk_ask, T("\1\2\3\4")),
    PLAIN(junk_teach, JUNK_TEACH_WANTED, T("\1\2\3\4")),
    PLAIN(junk_told, .text = T("x"), .junk = true, .taught = true, .margin = -7,
	.border = 9, .reason = LIST(struct junk_told_reason, {1, -2}, {3, 4}),
	.nreason = 2),
    PLAIN(junk_order, JUNK_ORDER_TEACH, T("anna"), JUNK_TEACH_HINT,
	T("\1\2\3\4")),
    WITH_FD(junk_explain, fd, 1, .account = T("anna"), .mailbox = T("Junk"),
	.uid = 5),
    PLAIN(history_notes, .lost = 3, .count = LIST(uint32_t, 1, 0, 2),
	.ncount = 3, .n = 1, .steps = T("abcd")),
    PLAIN(trace_find, .since = -1, .before = 9, .most = 50,
	.term = LIST(struct history_term,
	    {HISTORY_BY_ADDRESS, 0, {0}, T("x@example.test")},
	    {HISTORY_BY_QUEUE_ID, 17, {7}, T("")}),
	.nterm = 2),
    PLAIN(trace_found, .rc = RC_OK, .text = T(""), .more = true, .before = 4,
	.story = LIST(uint64_t, 7, 5), .nstory = 2),
    PLAIN(trace_read, 7, 1),
    PLAIN(history_sample, 3, 1ull << 40),
    PLAIN(history_days, 20000, 23,
	LIST(struct history_row, {19999, 3, 1}, {20000, 1010, 1ull << 40}), 2),
    PLAIN(trace_steps, .rc = RC_OK, .text = T(""), .more = true, .next = 3,
	.id = {9}, .steps = T("abc")),
    WITH_FD(queue_file, fd, 1, .text = T("")),
    PLAIN(trace_mine, .text = T("lunch"), .before = 9, .most = 20),
    PLAIN(trace_stories, .rc = RC_OK, .more = true, .before = 8,
	.story = LIST(struct trace_story, {"0123456789abcde", T("steps")},
	    {"fedcba987654321", T("")}),
	.nstory = 2),
    PLAIN(trace_stories, .rc = RC_NOSUPPORT),
    PLAIN(queue_file, .rc = RC_NOSPACE, .text = T("full"), .fd = -1),
    WITH_FD(queue_mail, fd, 1, .delivery_id = {5},
	.sender = T("anna@example.org"), .owner = T("anna"), .size = 9,
	.flags = SPOOL_BARE, .front = T("X: y\r\n"), .verdict = T("\5\2\1\1"),
	.to = LIST(struct queue_to,
	    {T("ben"), true, true, 3, false, 0, T("ben@example.org")},
	    {.address = T("x@example.test")},
	    {.address = T("club@example.org"), .forward = true, .onward = 2}),
	.nto = 3, .results = T("A: b\r\n")),
    PLAIN(queue_mail, .fd = -1),
    PLAIN(queue_return, T("SRS0=a=b=c=d@example.org")),
    PLAIN(queue_grey, T("192.0.2.0 x@y.test z.test")),
    PLAIN(queue_known, .account = T("anna"), .address = T("x@y.test")),
    PLAIN(queue_list, .attempts = true,
	.s = LIST(struct queue_selector, {QUEUE_PICK_ID, T("17"), 17},
	    {QUEUE_PICK_NAME, T("anna"), 0}),
	.n = 2),
    WITH_FD(queue_listed, fd, 1, .text = T(""), .n = 4),
    PLAIN(queue_act, .action = QUEUE_BOUNCE,
	.s = LIST(struct queue_selector, {QUEUE_PICK_ALL, T("all"), 0}),
	.n = 1),
    PLAIN(queue_done, RC_OK, T(""), 1, 2, 3, 4),
    WITH_FD(report_mail, fd, 1, .from = T("a.test"), .verified = true,
	.received = 5, .size = 7, .expected = true),
    PLAIN(report_mail, .from = T("a.test"), .fd = -1),
    PLAIN(feedback_row, .address = T("192.0.2.7"), .count = 1),
    PLAIN(feedback_policy, .domain = T("a.test"), .p = T("none")),
    PLAIN(feedback_seen, .when = 5, .accepted = true,
	.policy = {T("a.test"), T("none"), T("none"), T("reject"), T("r"),
	    T("s"), T("0"), true},
	.row = {T("192.0.2.7"), 3, REPORT_DONE_REFUSED, true, false,
	    T("local_policy"), T("a.test"), T("b.test"),
	    LIST(struct feedback_dkim, {T("a.test"), T("s"), T("pass")}), 1,
	    T("b.test"), T("fail")}),
    PLAIN(feedback_wanted, 5, T("a.test"), T("x@a.test")),
    PLAIN(feedback_due, .begin = 1, .end = 2,
	.policy = {T("a.test"), T("none"), T("none"), T("reject"), T("r"),
	    T("s"), T("0"), true},
	.to = LIST(struct sv, T("x@a.test"), T("y@b.test")), .nto = 2,
	.row = LIST(struct feedback_row,
	    {T("192.0.2.7"), 3, REPORT_DONE_REFUSED, true, false,
		T("local_policy"), T("a.test"), T("b.test"),
		LIST(struct feedback_dkim, {T("a.test"), T("s"), T("pass")}), 1,
		T("b.test"), T("fail")}),
	.nrow = 1),
    PLAIN(feedback_due, .rc = RC_NOTFOUND),
    PLAIN(feedback_done, 5, T("a.test")),
    PLAIN(feedback_rest, T("x@a.test"), 9),
    PLAIN(reports_ask, 5, 7),
    PLAIN(reports_answer, .text = T(""), .more = true, .last = 9,
	.record = LIST(struct sv, T("abc"), T("\0")), .n = 2),
    PLAIN(report_record, .kind = REPORT_DMARC, .from = T("a.test"),
	.verified = true, .received = 1, .org = T("a"), .contact = T("b@a"),
	.id = T("7"), .domain = T("example.org"), .begin = 2, .end = 3,
	.policy = T("none"), .sub_policy = T("reject"),
	.source = LIST(struct report_source,
	    {T("192.0.2.7"), 9, REPORT_DONE_JUNK, true, false, T("example.org"),
		T("d"), T("pass"), T("s"), T("fail"), T("forwarded")}),
	.nsource = 1, .more_passed = 4, .more_failed = 5),
    PLAIN(report_record, .kind = REPORT_TLS, .refused = T("no"),
	.trouble = T("half"),
	.tls = LIST(struct report_tls, {T("sts"), T("example.org"), T("x"), 1,
					   2, T("mx"), T("a"), T("b"), T("i")}),
	.ntls = 1),
    WITH_FD(mx_job, fd, 1, .delivery_id = {1, 2, 3},
	.domain = T("example.test"),
	.relay = {.host = T("relay.example.org"),
	    .port = 587,
	    .tls = 2,
	    .implicit_tls = true,
	    .user = T("u"),
	    .password = T("p")},
	.sender = T("anna@example.org"), .size = 1ull << 40, .flags = 5,
	.recipient = LIST(struct mx_recipient, {0, T("x@example.test")},
	    {3, T("y@example.test")}),
	.nrecipient = 2),
    WITH_FD(mx_job, fd, 1, .domain = T("example.test")),
    PLAIN(mx_outcome, .job = 7, .delivery_id = {9}, .reached = true,
	.why = T("words"),
	.verdict =
	    LIST(struct mx_verdict, {0, 250, T("taken")}, {1, 550, T("no")}),
	.nverdict = 2),
    PLAIN(mx_outcome, .rc = RC_TEMP),
    PLAIN(mx_open, .job = 1, .which = LIST(uint32_t, 4, 5), .nwhich = 2),
    PLAIN(mx_noted, .job = 1),
    PLAIN(sign_in_ask, T("anna"), T("secret"), T("SSSS"), T("123456"),
	T("192.0.2.1"), T("Browser/1"), T("BBBB")),
    PLAIN(sign_in_done, RC_OK, T(""), T("SSSS"), T("BBBB"), true),
    PLAIN(sign_in_done, .rc = RC_EXISTS, .text = T("a code"),
	.session = T("SSSS")),
    PLAIN(sign_in_done, .rc = RC_DENIED, .text = T("wrong")),
    PLAIN(sign_out, T("SSSS")),
    WITH_FD(visit_ask, fd, 1, .room = PAGE_ADMIN, .session = T("SSSS"),
	.peer = T("192.0.2.1"), .agent = T("Browser/1")),
    PLAIN(visit_ask, .session = T("SSSS"), .fd = -1),
    WITH_FD(page_open, fd, 1, .account = T("anna"), .admin = true,
	.csrf = T("CCCC"), .peer = T("192.0.2.1"), .session = 1ull << 60,
	.person = -1),
    PLAIN(page_open, .account = T("anna"), .fd = -1, .person = -1),
    PLAIN(page_ask, PAGE_POST, T("/devices"), T("a=b"), T("c=d"), T("de")),
    PLAIN(page_answer, 303, T("text/html"), T("/"), T("page"), true),
    PLAIN(person_state, true, true, 9, 1ull << 50),
    PLAIN(person_devices,
	.d = LIST(struct person_device,
	    {T("phone"), 1, 2, T("imaps"), T("192.0.2.1")},
	    {T("old"), 1, 0, T(""), T("")}),
	.n = 2),
    PLAIN(person_devices, .n = 0),
    PLAIN(person_sessions,
	.s = LIST(
	    struct person_session, {7, 1, 2, T("192.0.2.1"), T("Browser/1.0")}),
	.n = 1),
    PLAIN(person_logins,
	.l = LIST(struct person_login,
	    {1, 2, 3, T("imaps"), T("192.0.2.1"), T("phone")}),
	.n = 1),
    PLAIN(person_order, PERSON_PASSWORD, T("new"), T(""), T("old"), T("123456"),
	4),
    PLAIN(person_done, RC_OK, PERSON_FIELD_NONE, T(""), T("abcd"), T("/x")),
    PLAIN(person_done, .rc = RC_DENIED, .field = PERSON_FIELD_CODE,
	.text = T("wrong")),
    PLAIN(http_challenge, .token = T("tok-en_1"), .key_auth = T("tok.thumb")),
    PLAIN(http_challenge_end, .token = T("tok-en_1")),
    PLAIN(alpn_challenge, .name = T("mail.example.org"),
	.cert_pem = T("-----BEGIN"), .key_pem = T("-----BEGIN K")),
    PLAIN(alpn_challenge_end, .name = T("")),
    PLAIN(web_certificate, .id = T("example.org"), .cert_pem = T("-----"),
	.key_pem = T("-----")),
};
#define NSAMPLES (int)(sizeof samples / sizeof samples[0])

union any {
	max_align_t align;
	char space[IPC_STRUCT_MAX];
};

static int
fresh_fd(void)
{
	int fd = memfd_create("m", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Unchanged, if none is leaked. */
static int
lowest_fd(void)
{
	int fd = fresh_fd();

	close(fd);
	return fd;
}

static void
put_sample(const struct sample *s, struct msg *m)
{
	union any v;
	unsigned i;

	ck_assert_uint_le(s->type->size, sizeof v);
	memcpy(&v, s->value, s->type->size);
	for (i = 0; i < s->nfd; i++) {
		int fd = fresh_fd();

		memcpy(v.space + s->fd + i * sizeof fd, &fd, sizeof fd);
	}
	msg_init(m, 0);
	codec_put(s->type, m, &v);
	ck_assert(buf_ok(&m->b));
	ck_assert_uint_eq(m->nfd, s->nfd);
}

/* Other bytes in its place; the answer of the get function. */
static int
get_bytes(const struct sample *s, struct sv bytes, unsigned nfd)
{
	int before = lowest_fd(), r;
	struct msg m;
	union any v;

	msg_init(&m, 0);
	buf_addsv(&m.b, bytes);
	while (m.nfd < nfd)
		msg_put_fd(&m, fresh_fd());
	r = codec_get(s->type, &m, &v);
	if (r == RC_OK)
		codec_fini(s->type, &v);
	msg_fini(&m);
	ck_assert_msg(lowest_fd() == before, "%s: leaks", s->type->name);
	return r;
}

START_TEST(codec__each_message_is_in_the_samples)
{
	size_t i;
	int k;

	for (i = 0; ipc_messages[i] != NULL; i++) {
		for (k = 0; k < NSAMPLES; k++)
			if (samples[k].type == ipc_messages[i])
				break;
		ck_assert_msg(k < NSAMPLES, "%s", ipc_messages[i]->name);
	}
	for (k = 0; k < NSAMPLES; k++) {
		for (i = 0; ipc_messages[i] != NULL; i++)
			if (samples[k].type == ipc_messages[i])
				break;
		ck_assert_msg(ipc_messages[i] != NULL,
		    "%s is not in messages.c", samples[k].type->name);
	}
}
END_TEST

START_TEST(codec__what_is_put_is_got)
{
	const struct sample *s = &samples[_i];
	struct msg m, again;
	union any v;
	unsigned i;

	put_sample(s, &m);
	ck_assert_int_eq(codec_get(s->type, &m, &v), RC_OK);
	for (i = 0; i < MSG_FD_MAX; i++)
		ck_assert_int_eq(m.fd[i], -1);
	msg_init(&again, 0);
	codec_put(s->type, &again, &v);
	ck_assert_msg(
	    sv_eq(buf_sv(&again.b), buf_sv(&m.b)), "%s", s->type->name);
	ck_assert_uint_eq(again.nfd, s->nfd);
	/* They are the struct's, still. */
	for (i = 0; i < MSG_FD_MAX; i++)
		again.fd[i] = -1;
	codec_fini(s->type, &v);
	msg_fini(&again);
	msg_fini(&m);
}
END_TEST

START_TEST(codec__one_that_is_cut_off_is_refused)
{
	const struct sample *s = &samples[_i];
	struct msg m;
	size_t n;

	put_sample(s, &m);
	for (n = 0; n < m.b.n; n++)
		ck_assert_msg(get_bytes(s, sv_first(buf_sv(&m.b), n), s->nfd) ==
				  RC_SYNTAX,
		    "%s, %zu bytes", s->type->name, n);
	msg_fini(&m);
}
END_TEST

START_TEST(codec__one_byte_more_is_refused)
{
	const struct sample *s = &samples[_i];
	struct msg m;

	put_sample(s, &m);
	buf_addc(&m.b, '\0');
	ck_assert_int_eq(get_bytes(s, buf_sv(&m.b), s->nfd), RC_SYNTAX);
	msg_fini(&m);
}
END_TEST

/* Large and small numbers in the place of each field, with descriptors too
 * few and too many: whatever comes of it, nothing is leaked. */
START_TEST(codec__any_number_may_lie)
{
	static const unsigned char values[] = {0, 1, 2, 0x7f, 0xff};
	const struct sample *s = &samples[_i];
	struct msg m;
	size_t at, k;

	put_sample(s, &m);
	for (at = 0; at < m.b.n; at++) {
		char was = m.b.p[at];

		for (k = 0; k < sizeof values; k++) {
			m.b.p[at] = (char)values[k];
			(void)get_bytes(s, buf_sv(&m.b), 0);
			(void)get_bytes(s, buf_sv(&m.b), MSG_FD_MAX);
		}
		m.b.p[at] = was;
	}
	msg_fini(&m);
}
END_TEST

/* ---- the fields ---- */

struct big {
	char space[1 << 20];
};

struct lying {
	struct big *list;
	uint32_t n;
};

static bool allocated;

static void
lying_fields(struct codec *c, struct lying *v)
{
	codec_list(c, (void **)&v->list, &v->n, sizeof *v->list, 1000);
	allocated |= v->list != NULL;
	codec_list_end(c, (void **)&v->list, &v->n);
}

CODEC_FUNCTIONS(lying);
CODEC(lying, lying_fields)

START_TEST(codec_list__a_number_that_lies_costs_nothing)
{
	static const uint32_t numbers[] = {4, 1000, 1001, UINT32_MAX};
	struct lying v;
	struct msg m;

	msg_init(&m, 0);
	msg_put_u32(&m, numbers[_i]);
	buf_adds(&m.b, "abc");
	allocated = false;
	ck_assert_int_eq(lying_get(&m, &v), RC_SYNTAX);
	ck_assert(!allocated && v.list == NULL);
	msg_fini(&m);
}
END_TEST

START_TEST(codec_list__one_that_nobody_takes_is_not_sent)
{
	struct lying v = {.n = 1001};
	struct msg m;

	msg_init(&m, 0);
	lying_put(&m, &v);
	ck_assert(!buf_ok(&m.b));
	msg_fini(&m);
}
END_TEST

struct odd {
	bool b;
	uint8_t small;
	uint16_t u16;
	int rc;
	struct sv text;
};

static void
odd_fields(struct codec *c, struct odd *v)
{
	codec_bool(c, &v->b);
	codec_below(c, &v->small, 3);
	codec_u16(c, &v->u16);
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, 4);
}

CODEC_FUNCTIONS(odd);
CODEC(odd, odd_fields)

/* What a field may not be. */
START_TEST(codec__a_value_that_cannot_be_is_refused)
{
	static const struct {
		uint8_t b, small;
		uint32_t u16;
		int rc;
		struct sv text;
		int want;
	} rows[] = {
	    {1, 2, 65535, RC_NOSUPPORT, {"abc", 3}, RC_OK},
	    {0, 0, 0, RC_MORE, {"", 0}, RC_OK},
	    {2, 2, 65535, 0, {"abc", 3}, RC_SYNTAX},
	    {1, 3, 65535, 0, {"abc", 3}, RC_SYNTAX},
	    {1, 2, 65536, 0, {"abc", 3}, RC_SYNTAX},
	    {1, 2, 1, RC_NOSUPPORT - 1, {"abc", 3}, RC_SYNTAX},
	    {1, 2, 1, RC_MORE + 1, {"abc", 3}, RC_SYNTAX},
	    {1, 2, 1, 0, {"abcd", 4}, RC_SYNTAX},
	    {1, 2, 1, 0, {"a\0c", 3}, RC_SYNTAX},
	};
	struct odd v;
	struct msg m;

	msg_init(&m, 0);
	msg_put_u8(&m, rows[_i].b);
	msg_put_u8(&m, rows[_i].small);
	msg_put_u32(&m, rows[_i].u16);
	msg_put_u32(&m, (uint32_t)rows[_i].rc);
	msg_put_sv(&m, rows[_i].text);
	ck_assert_int_eq(odd_get(&m, &v), rows[_i].want);
	if (rows[_i].want == RC_OK)
		ck_assert_int_eq(v.rc, rows[_i].rc);
	msg_fini(&m);
}
END_TEST

UNIT_TESTS(codec)
{
	TCase *t = tcase_create("codec");

	tcase_add_test(t, codec__each_message_is_in_the_samples);
	tcase_add_loop_test(t, codec__what_is_put_is_got, 0, NSAMPLES);
	tcase_add_loop_test(
	    t, codec__one_that_is_cut_off_is_refused, 0, NSAMPLES);
	tcase_add_loop_test(t, codec__one_byte_more_is_refused, 0, NSAMPLES);
	tcase_add_loop_test(t, codec__any_number_may_lie, 0, NSAMPLES);
	tcase_add_loop_test(
	    t, codec_list__a_number_that_lies_costs_nothing, 0, 4);
	tcase_add_test(t, codec_list__one_that_nobody_takes_is_not_sent);
	tcase_add_loop_test(t, codec__a_value_that_cannot_be_is_refused, 0, 9);
	return t;
}
