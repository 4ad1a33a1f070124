/*
 * sendmail(8), as cron and other programs of this machine call it: a message
 * from standard input goes to the server that runs, by way of its port 25 like
 * any other mail for its people.  Needs no rights.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/field.h"
#include "mail/path.h"
#include "queue/mx/client.h"

/* What callers know from sysexits.h. */
enum {
	EX_SENT = 0,
	EX_WRONG_USAGE = 64,
	EX_NOT_TAKEN = 69,
	EX_TRY_AGAIN = 75
};

#define RECIPIENTS_MAX 1000

struct letter {
	const struct conf *conf;
	bool from_header; /* -t */
	bool dots;	  /* -i: a lone dot is text */
	const char *sender, *name;
	char *to[RECIPIENTS_MAX];
	size_t nto;
	struct buf text;
	struct mail_header_scan scan;
};

/* ---- the words ---- */

/* word: the one that is wrong; NULL: one is missing. */
static int
wrong(const char *word, const char *what)
{
	char shown[100] = "";

	/* It may come from a message. */
	(void)snprintf(shown, sizeof shown, "%s", word != NULL ? word : "");
	command_defuse(shown, strlen(shown), 0);
	return command_fail("sendmail", EX_WRONG_USAGE,
	    "%s%s%s; usage: sendmail [-t] [-i] [-f SENDER] [-F NAME] "
	    "ADDRESS...",
	    shown, word != NULL ? ": " : "", what);
}

/* The value of an option, behind it or the next word. */
static const char *
value_of(char ***word)
{
	const char *v = (**word)[2] != '\0' ? **word + 2 : *++*word;

	return v;
}

/*
 * One word that begins with '-'.  What is known from other sendmails and means
 * nothing here is passed over: -o and its like, delivery reports, verbosity.
 */
static int
option(struct letter *l, char ***word)
{
	const char *given = **word, *p = given + 1, *v = NULL;

	if (strchr("fFrBNRVXChLOp", *p) != NULL) {
		v = value_of(word);
		if (v == NULL)
			return wrong(given, "it needs a value");
		if (*p == 'f' || *p == 'r')
			l->sender = v;
		else if (*p == 'F')
			l->name = v;
		return EX_SENT;
	}
	if (*p == 'o') {
		l->dots = l->dots || p[1] == 'i';
		return EX_SENT;
	}
	if ((*p == 'b' && p[1] != 'm') || *p == 'q' || *p == 'I')
		return wrong(given,
		    "only sending is supported; for the queue, use: "
		    "hearthmail queue list");
	for (; *p != '\0'; p++) {
		l->from_header = l->from_header || *p == 't';
		l->dots = l->dots || *p == 'i';
		if (strchr("tibmnvUGsxe", *p) == NULL)
			return wrong(given, "unknown option");
	}
	return EX_SENT;
}

/*
 * Whom a name without a domain means: an account, an address or alias of the
 * first domain that has one; all others of this machine are the admin's.
 */
static void
complete(const struct conf *c, struct sv name, struct buf *out)
{
	int account = conf_account_by_name(c, name);
	const uint32_t *who;
	size_t i, n;

	if (account >= 0 && c->account[account].naddress > 0) {
		buf_adds(out, c->account[account].address[0]);
		return;
	}
	for (i = 0; i < c->ndomain; i++) {
		buf_reset(out);
		buf_addsv(out, name);
		buf_addf(out, "@%s", c->domain[i].name);
		if (conf_lookup(c, buf_sv(out), &who, &n) == RC_OK &&
		    strcmp(conf_lookup_why(c, buf_sv(out)), "catch-all") != 0)
			return;
	}
	buf_reset(out);
	buf_addf(out, "root@%s", c->hostname);
}

/* False: it is not an address, or there are too many. */
static bool
add_recipient(struct letter *l, struct sv word)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct mail_path p;
	struct buf b;
	bool ok = true;

	word = sv_trim(word);
	buf_init(&b, 2 * MAIL_ADDRESS_MAX);
	if (sv_chr(word, '@') < word.n) {
		ok = mail_path_parse(&word, &lim, false, &p) == RC_OK &&
		     word.n == 0;
		if (ok)
			mail_path_plain(&p, &b);
	} else {
		complete(l->conf, word, &b);
	}
	ok = ok && buf_ok(&b) && l->nto < RECIPIENTS_MAX;
	if (ok)
		l->to[l->nto++] = sv_dup(buf_sv(&b));
	buf_fini(&b);
	return ok;
}

static int
read_words(struct letter *l, char **word)
{
	bool options = true;

	for (word++; *word != NULL; word++) {
		int code = EX_SENT;

		if (options && strcmp(*word, "--") == 0)
			options = false;
		else if (options && (*word)[0] == '-' && (*word)[1] != '\0')
			code = option(l, &word);
		else if (!add_recipient(l, sv_str(*word)))
			code = wrong(*word, "it is not a valid address");
		if (code != EX_SENT)
			return code;
	}
	return EX_SENT;
}

/* ---- the message ---- */

/* A line without its end, to the message; false: that was the last one. */
static bool
add_line(struct letter *l, struct sv line)
{
	size_t i;

	if (!l->dots && sv_eq(line, SV(".")))
		return false;
	/* Lines end with CR LF here; a CR alone starts one over, as progress
	 * bars do.  What no mail may have is shown as a question mark. */
	for (i = 0; i < line.n; i++)
		if (line.p[i] == '\r')
			buf_adds(&l->text, "\r\n");
		else
			buf_addc(&l->text, line.p[i] != '\0' ? line.p[i] : '?');
	buf_adds(&l->text, "\r\n");
	return true;
}

static int
read_message(struct letter *l)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool more = true;

	buf_init(&l->text, l->conf->limits.message_size);
	while (
	    more && buf_ok(&l->text) && (n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		more = add_line(l, sv_of(line, (size_t)n));
	}
	free(line);
	if (!buf_ok(&l->text))
		return command_fail("sendmail", EX_NOT_TAKEN,
		    "the message is larger than %llu bytes",
		    (unsigned long long)l->conf->limits.message_size);
	mail_header_scan_end(&l->scan, buf_sv(&l->text));
	return EX_SENT;
}

/* Without the first line of an mbox file. */
static struct sv
header_of(const struct letter *l)
{
	struct sv header = sv_first(buf_sv(&l->text), l->scan.header);

	return sv_skip(header, l->scan.first);
}

/* -t: all of To, Cc and Bcc; names without a domain, too. */
static int
recipients_of_header(struct letter *l)
{
	struct sv header = header_of(l);
	struct mail_field f;

	while (mail_field_next(&header, &f)) {
		struct mail_addrlist list;
		struct mail_addr a;
		struct buf b;
		bool ok = true;

		if (!sv_ieq(f.name, SV("To")) && !sv_ieq(f.name, SV("Cc")) &&
		    !sv_ieq(f.name, SV("Bcc")))
			continue;
		mail_addrlist_init(&list, f.value);
		while (ok && mail_addrlist_next(&list, &a)) {
			if (a.kind != MAIL_ADDR_MAILBOX)
				continue;
			buf_init(&b, 2 * MAIL_ADDRESS_MAX);
			buf_addsv(&b, a.local.n > 0 ? a.local : a.name);
			if (a.domain.n > 0)
				buf_addf(&b, "@%.*s", SV_ARG(a.domain));
			ok = buf_ok(&b) && add_recipient(l, buf_sv(&b));
			if (!ok)
				(void)wrong(b.p, "this recipient in the header "
						 "is not a valid address");
			buf_fini(&b);
		}
		mail_addrlist_fini(&list);
		if (!ok)
			return EX_WRONG_USAGE;
	}
	return EX_SENT;
}

/* -F, in quotes and without what would need more than that. */
static void
add_name(const char *name, struct buf *out)
{
	if (name == NULL)
		return;
	buf_addc(out, '"');
	for (; *name != '\0'; name++)
		if ((unsigned char)*name >= ' ' && *name != 0x7f &&
		    *name != '"' && *name != '\\')
			buf_addc(out, *name);
	buf_adds(out, "\" ");
}

static void
add_missing(const struct letter *l, const char *sender, struct buf *out)
{
	struct sv header = header_of(l);
	unsigned char id[16];
	size_t i;

	if (mail_field_count(header, SV("From")) == 0) {
		buf_adds(out, "From: ");
		add_name(l->name, out);
		buf_addc(out, '<');
		mail_address_write(sv_str(sender), out);
		buf_adds(out, ">\r\n");
	}
	if (mail_field_count(header, SV("Date")) == 0) {
		buf_adds(out, "Date: ");
		mail_date_print(clk_now() / 1000, 0, out);
		buf_adds(out, "\r\n");
	}
	if (mail_field_count(header, SV("Message-ID")) == 0) {
		randombytes_buf(id, sizeof id);
		buf_adds(out, "Message-ID: <");
		for (i = 0; i < sizeof id; i++)
			buf_addf(out, "%02x", id[i]);
		buf_addf(out, "@%s>\r\n", l->conf->hostname);
	}
}

/* All of it as it goes out, in memory; -1: there is no room. */
static int
compose(const struct letter *l, const char *sender, struct client_message *m)
{
	int fd = memfd_create("message", MFD_CLOEXEC);
	struct buf out;
	size_t i;

	buf_init(&out, l->text.max + 8192);
	mail_field_remove(header_of(l), SV("Bcc"), &out);
	add_missing(l, sender, &out);
	buf_adds(&out, "\r\n");
	buf_addsv(&out, sv_skip(buf_sv(&l->text), l->scan.body));
	for (i = 0; i < out.n; i++)
		m->eight_bit = m->eight_bit || (unsigned char)out.p[i] >= 0x80;
	m->size = out.n;
	if (fd >= 0 &&
	    (!buf_ok(&out) || io_write_all(fd, out.p, out.n) != RC_OK))
		io_close(&fd);
	buf_fini(&out);
	return fd;
}

/* ---- the server ---- */

/* The first of its ports 25 that has a number. */
static bool
find_server(const struct conf *c, struct route_address *to, uint16_t *port)
{
	size_t i;

	for (i = 0; i < c->nlisten[CONF_SMTP]; i++) {
		const struct conf_listen *l = &c->listen[CONF_SMTP][i];
		bool any = l->host == NULL || strcmp(l->host, "0.0.0.0") == 0 ||
			   strcmp(l->host, "::") == 0;
		char ip[64];

		(void)snprintf(ip, sizeof ip, "%s%s",
		    any || strchr(l->host, ':') == NULL ? "::ffff:" : "",
		    any ? "127.0.0.1" : l->host);
		if (l->port == 0 || inet_pton(AF_INET6, ip, &to->ip) != 1)
			continue;
		(void)snprintf(to->host, sizeof to->host, "localhost");
		*port = l->port;
		return true;
	}
	return false;
}

static int
verdicts(const struct client_message *m)
{
	int code = EX_SENT;
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		const struct client_rcpt *to = &m->rcpt[i];

		if (to->code / 100 == 2)
			continue;
		if (code != EX_TRY_AGAIN)
			code =
			    to->code / 100 == 4 ? EX_TRY_AGAIN : EX_NOT_TAKEN;
		(void)command_fail(
		    "sendmail", code, "%s: %s", to->address, to->reply_text);
	}
	return code;
}

static int
send_message(const struct letter *l, const char *sender, int fd,
    struct client_message *m)
{
	struct client_opts o = {.hostname = l->conf->hostname,
	    .policy = CLIENT_TLS_OFF,
	    .timeout = CLIENT_TIMEOUTS};
	struct route_address to = {.host = ""};
	struct client_why why = {.reply_text = ""};
	struct client *c = NULL;
	int r, code = EX_TRY_AGAIN;
	size_t i;

	if (!find_server(l->conf, &to, &o.port))
		return command_fail("sendmail", EX_NOT_TAKEN,
		    "no port of listen.smtp can be reached");
	m->sender = sender;
	m->fd = fd;
	m->rcpt = xcalloc(l->nto, sizeof *m->rcpt);
	m->nrcpt = l->nto;
	for (i = 0; i < l->nto; i++)
		m->rcpt[i].address = l->to[i];
	r = client_open(&o, &to, &c, &why);
	if (r == RC_OK)
		r = client_send(c, m, &why);
	if (r == RC_OK)
		code = verdicts(m);
	else
		(void)command_fail("sendmail", code, "%s", why.reply_text);
	client_close(&c);
	free(m->rcpt);
	return code;
}

/* -f, or who runs this. */
static void
sender_of(const struct letter *l, struct buf *out)
{
	const struct passwd *pw = getpwuid(getuid());
	struct sv given = sv_str(l->sender);

	if (given.n > 1 && given.p[0] == '<' && given.p[given.n - 1] == '>')
		given = sv_first(sv_skip(given, 1), given.n - 2);
	if (l->sender == NULL)
		given = sv_str(pw != NULL ? pw->pw_name : "root");
	buf_addsv(out, given);
	if (given.n > 0 && sv_chr(given, '@') == given.n)
		buf_addf(out, "@%s", l->conf->hostname);
}

static int
deliver(struct letter *l)
{
	struct client_message m = {.eight_bit = false};
	struct buf sender;
	int fd, code = read_message(l);

	if (code == EX_SENT && l->from_header)
		code = recipients_of_header(l);
	if (code == EX_SENT && l->nto == 0)
		code = wrong(NULL, "no recipient given");
	if (code != EX_SENT)
		return code;
	buf_init(&sender, 2 * MAIL_ADDRESS_MAX);
	sender_of(l, &sender);
	fd = compose(l, sender.p, &m);
	if (fd < 0)
		code = command_fail(
		    "sendmail", EX_TRY_AGAIN, "no memory for the message");
	else
		code = send_message(l, sender.p, fd, &m);
	io_close(&fd);
	buf_fini(&sender);
	return code;
}

int
cmd_sendmail(const char *config, int argc, char **argv)
{
	struct letter *l = xcalloc(1, sizeof *l);
	struct conf *conf = command_conf(config);
	int code = EXIT_CONFIG;
	size_t i;

	(void)argc;
	l->conf = conf;
	if (conf != NULL) {
		must(sodium_init() >= 0);
		code = read_words(l, argv);
		if (code == EX_SENT)
			code = deliver(l);
	}
	for (i = 0; i < l->nto; i++)
		free(l->to[i]);
	buf_fini(&l->text);
	conf_free(&conf);
	free(l);
	return code;
}
