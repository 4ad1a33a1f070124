/*
 * The way through the addresses of a route: hosts on addresses of the loopback,
 * each with its own habits, and which of them are asked, in which order.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "queue/mx/deliver.h"
#include "test/unit/unit.h"

#define HOSTS 6

/* What a host says; NULL: yes.  "!" hangs up. */
struct habit {
	const char *ip, *ehlo, *starttls, *mail, *rcpt, *end;
	unsigned takes; /* so many recipients, then rcpt; 0: none */
};

static struct host {
	int fd;
	struct habit habit;
	pthread_t thread;
} hosts[HOSTS];

static uint16_t port;
static char asked[200]; /* "1 2 " */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool
say(int fd, const char *text, const char *otherwise)
{
	if (text == NULL)
		text = otherwise;
	if (text[0] == '!')
		return false;
	dprintf(fd, "%s\r\n", text);
	return true;
}

static bool
answer(int fd, const struct habit *h, const char *line, unsigned *nrcpt,
    bool *data)
{
	if (*data) {
		*data = strcmp(line, ".\r\n") != 0;
		return *data || say(fd, h->end, "250 2.0.0 taken");
	}
	if (strncmp(line, "EHLO", 4) == 0)
		return say(fd, h->ehlo,
		    h->starttls != NULL ? "250-x\r\n250 STARTTLS" : "250 x");
	if (strncmp(line, "STARTTLS", 8) == 0)
		return say(fd, h->starttls, "");
	if (strncmp(line, "MAIL", 4) == 0) {
		*nrcpt = 0;
		return say(fd, h->mail, "250 ok");
	}
	if (strncmp(line, "RCPT", 4) == 0)
		return say(fd, ++*nrcpt <= h->takes ? NULL : h->rcpt, "250 ok");
	*data = strncmp(line, "DATA", 4) == 0;
	return say(fd, *data ? "354 go" : NULL, "250 ok");
}

static void
converse(int fd, const struct habit *h)
{
	FILE *in = fdopen(fd, "r");
	char line[1000];
	bool data = false;
	unsigned n = 0;

	dprintf(fd, "220 x\r\n");
	while (fgets(line, sizeof line, in) != NULL)
		if (!answer(fd, h, line, &n, &data))
			break;
	fclose(in);
}

static void *
serve(void *arg)
{
	struct host *h = arg;
	int fd;

	while ((fd = accept(h->fd, NULL, NULL)) >= 0) {
		char one[16];

		(void)snprintf(one, sizeof one, "%d ", (int)(h - hosts) + 1);
		pthread_mutex_lock(&lock);
		(void)strncat(asked, one, sizeof asked - strlen(asked) - 1);
		pthread_mutex_unlock(&lock);
		converse(fd, &h->habit);
	}
	return NULL;
}

static struct in6_addr
address_of(const char *ip)
{
	struct in6_addr a;
	char mapped[64];

	(void)snprintf(mapped, sizeof mapped, "%s%s",
	    strchr(ip, ':') == NULL ? "::ffff:" : "", ip);
	ck_assert_int_eq(inet_pton(AF_INET6, mapped, &a), 1);
	return a;
}

/* All on one port, as mail hosts are. */
static void
start(struct host *h)
{
	struct in6_addr ip = address_of(h->habit.ip);
	struct sockaddr_in6 a = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = ip};
	socklen_t len = sizeof a;

	h->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4), 0);
	ck_assert_int_eq(bind(h->fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(h->fd, 8), 0);
	ck_assert_int_eq(getsockname(h->fd, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin6_port);
	ck_assert_int_eq(pthread_create(&h->thread, NULL, serve, h), 0);
}

static struct client *
none(void *arg)
{
	(void)arg;
	return NULL;
}

static void
close_it(void *arg, struct client *c)
{
	(void)arg;
	client_close(&c);
}

static bool
go_on(void *arg)
{
	(void)arg;
	return true;
}

#define FOUR(n) "127.0.0." #n
#define SIX	"::1"
#define EIGHT	"250-x\r\n250 8BITMIME"
#define PTR	"550 5.7.25 no PTR record"
#define ISSUE	"530 5.7.0 Must issue a STARTTLS command first"

static const struct {
	const char *name;
	struct habit host[HOSTS];
	bool reached;
	unsigned code[2];	/* of the two recipients */
	const char *reply_text; /* within the first one's, or why */
	const char *asked;	/* NULL: not looked at */
} rows[] = {
    {"the first one takes it", {{.ip = FOUR(1)}, {.ip = FOUR(2)}}, true,
	{250, 250}, "taken", "1 "},
    {"4xx to MAIL",
	{{.ip = FOUR(1), .mail = "452 4.3.1 full"}, {.ip = FOUR(2)}}, true,
	{250, 250}, "taken", "1 2 "},
    {"421 to MAIL", {{.ip = FOUR(1), .mail = "421 busy"}, {.ip = FOUR(2)}},
	true, {250, 250}, "taken", "1 2 "},
    {"451 to RCPT", {{.ip = FOUR(1), .rcpt = "451 later"}, {.ip = FOUR(2)}},
	true, {250, 250}, "taken", "1 2 "},
    {"452 to the message",
	{{.ip = FOUR(1), .end = "452 full"}, {.ip = FOUR(2)}}, true, {250, 250},
	"taken", "1 2 "},
    {"421 to the message",
	{{.ip = FOUR(1), .end = "421 full"}, {.ip = FOUR(2)}}, true, {250, 250},
	"taken", "1 2 "},
    {"the line breaks after the message: it may be there",
	{{.ip = FOUR(1), .end = "!"}, {.ip = FOUR(2)}}, true, {451, 451},
	"lost", "1 "},
    {"5xx is the last word",
	{{.ip = FOUR(1), .mail = "554 no"}, {.ip = FOUR(2)}}, true, {554, 554},
	"554 no", "1 "},
    {"some have it, the others come next time",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "451 later"}, {.ip = FOUR(2)}},
	true, {250, 451}, "taken", "1 "},
    {"nobody will now",
	{{.ip = FOUR(1), .mail = "452 a"}, {.ip = FOUR(2), .mail = "451 b"},
	    {.ip = FOUR(3), .mail = "450 c"}},
	true, {450, 450}, "450 c", "1 2 3 "},
    {"the next one is away",
	{{.ip = FOUR(1), .mail = "452 a"}, {.ip = FOUR(2), .ehlo = "!"}}, true,
	{452, 452}, "452 a", "1 2 "},
    {"a hundred hosts are not asked",
	{{.ip = FOUR(1), .mail = "452 a"}, {.ip = FOUR(2), .mail = "452 a"},
	    {.ip = FOUR(3), .mail = "452 a"}, {.ip = FOUR(4), .mail = "452 a"},
	    {.ip = FOUR(5), .mail = "452 a"}, {.ip = FOUR(6)}},
	true, {452, 452}, "452 a", "1 2 3 4 5 "},
    {"IPv6 without a name", {{.ip = SIX, .rcpt = PTR}, {.ip = FOUR(2)}}, true,
	{250, 250}, "taken", "1 2 "},
    {"IPv6 without a name, to MAIL",
	{{.ip = SIX, .mail = PTR}, {.ip = FOUR(2)}}, true, {250, 250}, "taken",
	"1 2 "},
    {"IPv6 without a name, to the message",
	{{.ip = SIX, .end = "554 5.7.1 IPv6"}, {.ip = FOUR(2)}}, true,
	{250, 250}, "taken", "1 2 "},
    {"IPv6 without a name, in words",
	{{.ip = SIX, .mail = "550 your IP has no PTR"}, {.ip = FOUR(2)}}, true,
	{250, 250}, "taken", "1 2 "},
    {"IPv6 without a name, and no other address", {{.ip = SIX, .rcpt = PTR}},
	true, {550, 550}, "5.7.25", "1 "},
    {"IPv6 without a name, and IPv4 has said that it may take it later",
	{{.ip = FOUR(1), .mail = "452 a"}, {.ip = SIX, .rcpt = PTR}}, true,
	{452, 452}, "452 a", "1 2 "},
    {"IPv4 is refused, too",
	{{.ip = SIX, .rcpt = PTR}, {.ip = FOUR(2), .rcpt = "550 5.7.1 no"}},
	true, {550, 550}, "5.7.1 no", "1 2 "},
    {"IPv4 is away", {{.ip = SIX, .rcpt = PTR}, {.ip = FOUR(2), .ehlo = "!"}},
	true, {550, 550}, "5.7.25", "1 2 "},
    {"unknown over IPv6 is unknown",
	{{.ip = SIX, .rcpt = "550 5.1.1 no"}, {.ip = FOUR(2)}}, true,
	{550, 550}, "5.1.1", "1 "},
    {"policy over IPv4 is final",
	{{.ip = FOUR(1), .rcpt = "550 5.7.1 no"}, {.ip = FOUR(2)}}, true,
	{550, 550}, "5.7.1", "1 "},
    {"TLS breaks, and the next one is well",
	{{.ip = FOUR(1), .starttls = "!", .mail = ISSUE}, {.ip = FOUR(2)}},
	true, {250, 250}, "taken", "1 1 2 "},
    {"TLS breaks, and there is no other",
	{{.ip = FOUR(1), .starttls = "!", .mail = ISSUE}}, true, {451, 451},
	"TLS failed: the connection was lost at STARTTLS", "1 1 "},
    {"TLS breaks, at RCPT",
	{{.ip = FOUR(1),
	    .starttls = "220 go",
	    .rcpt = "554 5.7.10 TLS, please"}},
	true, {451, 451}, "without TLS: 554 5.7.10 TLS, please", "1 1 "},
    {"TLS breaks, and nobody minds", {{.ip = FOUR(1), .starttls = "!"}}, true,
	{250, 250}, "taken", "1 1 "},
    {"STARTTLS is refused, and wanted",
	{{.ip = FOUR(1), .starttls = "454 4.7.0 not now", .mail = ISSUE},
	    {.ip = FOUR(2)}},
	true, {250, 250}, "taken", "1 2 "},
    {"STARTTLS is refused, and wanted, and there is no other",
	{{.ip = FOUR(1), .starttls = "454 4.7.0 not now", .mail = ISSUE}}, true,
	{451, 451}, "TLS failed: 454 4.7.0 not now", "1 "},
    {"too many recipients",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "552 5.5.3 Too many recipients"}},
	true, {250, 452}, "taken", "1 "},
    {"too many recipients, in words",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "552 Too many recipients"}}, true,
	{250, 452}, "taken", "1 "},
    {"too many recipients, without words",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "552 no"}}, true, {250, 452},
	"taken", "1 "},
    {"too many recipients, as 550",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "550 5.5.3 too many"}}, true,
	{250, 452}, "taken", "1 "},
    {"a full mailbox",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "552 5.2.2 mailbox full"}}, true,
	{250, 552}, "taken", "1 "},
    {"a full mailbox, without a code",
	{{.ip = FOUR(1), .takes = 1, .rcpt = "552 quota exceeded"}}, true,
	{250, 552}, "taken", "1 "},
    {"8BITMIME at the second one only",
	{{.ip = FOUR(1)}, {.ip = FOUR(2), .ehlo = EIGHT}}, true, {250, 250},
	"taken", "1 2 "},
    {"8BITMIME nowhere", {{.ip = FOUR(1)}, {.ip = FOUR(2)}}, true, {554, 554},
	"5.6.3", "1 2 "},
    {"8BITMIME, and the next one is away",
	{{.ip = FOUR(1)}, {.ip = FOUR(2), .ehlo = "!"}}, true, {554, 554},
	"5.6.3", "1 2 "},
    {"8BITMIME where it may be taken later",
	{{.ip = FOUR(1), .ehlo = EIGHT, .mail = "451 later"}, {.ip = FOUR(2)}},
	true, {451, 451}, "451 later", "1 2 "},
    {"8BITMIME at the second one, later",
	{{.ip = FOUR(1)}, {.ip = FOUR(2), .ehlo = EIGHT, .mail = "451 later"}},
	true, {451, 451}, "451 later", "1 2 "},
    {"8BITMIME at the second one, who knows nobody",
	{{.ip = FOUR(1)},
	    {.ip = FOUR(2), .ehlo = EIGHT, .rcpt = "550 5.1.1 no"}},
	true, {550, 550}, "5.1.1", "1 2 "},
    {"too large for the first one",
	{{.ip = FOUR(1), .ehlo = "250-x\r\n250 SIZE 10"}, {.ip = FOUR(2)}},
	true, {250, 250}, "taken", "1 2 "},
    {"too large for the second one, and the first one may take it later",
	{{.ip = FOUR(1), .rcpt = "450 later"},
	    {.ip = FOUR(2), .ehlo = "250-x\r\n250 SIZE 10"}},
	true, {450, 450}, "450 later", "1 2 "},
    {"ourselves", {{.ip = FOUR(1)}, {.ip = FOUR(2)}}, true, {550, 550},
	"5.4.6 the mail of mx1.test comes to this server", NULL},
    {"nobody is there", {{.ip = FOUR(1), .ehlo = "!"}}, false, {0, 0},
	"lost at EHLO", "1 "},
};

START_TEST(deliver_route__asks_who_is_left)
{
	struct tls_client *tls = NULL;
	struct client_opts o = {.hostname = "mail.example.org",
	    .policy = CLIENT_TLS_OFFERED,
	    .may_be_self = strcmp(rows[_i].name, "ourselves") == 0,
	    .timeout = CLIENT_TIMEOUTS};
	struct route *route = calloc(1, sizeof *route);
	struct client_rcpt rcpt[2] = {
	    {.address = "a@example.test"}, {.address = "b@example.test"}};
	struct client_message m = {.sender = "x@example.org",
	    .fd = memfd_create("m", MFD_CLOEXEC),
	    .size = 14,
	    .eight_bit = strstr(rows[_i].name, "8BITMIME") != NULL,
	    .rcpt = rcpt,
	    .nrcpt = 2};
	struct client_why why = {.reply_text = ""};
	struct deliver d = {.o = &o,
	    .route = route,
	    .m = &m,
	    .why = &why,
	    .rested = none,
	    .rest = close_it,
	    .may_go_on = go_on};
	struct err err;
	bool reached;
	size_t i;

	ck_assert_int_eq(io_write_all(m.fd, "Subject: x\r\n\r\n", 14), RC_OK);
	ck_assert_int_eq(tls_client_new(SV(""), &tls, &err), RC_OK);
	o.tls = tls;
	port = 0;
	asked[0] = '\0';
	for (i = 0; i < HOSTS && rows[_i].host[i].ip != NULL; i++) {
		hosts[i].habit = rows[_i].host[i];
		start(&hosts[i]);
		route->address[i].ip = address_of(hosts[i].habit.ip);
		(void)snprintf(route->address[i].host, 64, "mx%zu.test", i + 1);
	}
	route->n = i;
	o.port = port;
	reached = deliver_route(&d);
	ck_assert_msg(reached == rows[_i].reached, "%s: %s", rows[_i].name,
	    why.reply_text);
	ck_assert_msg(rcpt[0].code == rows[_i].code[0] &&
			  rcpt[1].code == rows[_i].code[1],
	    "%s: %u %u %s %s", rows[_i].name, rcpt[0].code, rcpt[1].code,
	    rcpt[0].reply_text, asked);
	ck_assert_msg(strstr(reached ? rcpt[0].reply_text : why.reply_text,
			  rows[_i].reply_text) != NULL,
	    "%s: %s", rows[_i].name,
	    reached ? rcpt[0].reply_text : why.reply_text);
	if (rows[_i].asked != NULL)
		ck_assert_msg(strcmp(asked, rows[_i].asked) == 0, "%s: %s",
		    rows[_i].name, asked);
	for (i = 0; i < route->n; i++) {
		(void)shutdown(hosts[i].fd, SHUT_RDWR);
		pthread_join(hosts[i].thread, NULL);
		io_close(&hosts[i].fd);
	}
	tls_client_free(&tls);
	close(m.fd);
	free(route);
}
END_TEST

UNIT_TESTS(deliver)
{
	TCase *t = tcase_create("deliver");

	tcase_add_loop_test(t, deliver_route__asks_who_is_left, 0,
	    (int)(sizeof rows / sizeof rows[0]));
	return t;
}
