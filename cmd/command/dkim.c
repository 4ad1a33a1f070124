/*
 * `hearthmail dkim`: the keys that outgoing mail is signed with.  The running
 * server has them; without one, the list comes from their files.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/signer.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "ipc/line.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"

/* The keys' file; *out is to be given back with ring_fini in any case.
 * RC_NOTFOUND: there are none yet. */
static int
read_ring(const struct conf *conf, const char *domain, struct ring *out,
    struct err *err)
{
	struct buf path, text;
	int r;

	*out = (struct ring){.n = 0};
	buf_init(&path, 4096);
	buf_init(&text, RING_TEXT_MAX);
	buf_addf(&path, "auth/dkim/%s.pem", domain);
	r = io_read_below(conf->data, path.p, &text, err);
	if (r == RC_OK)
		r = ring_read(buf_sv(&text), clk_now() / 1000, out, err);
	buf_wipe(&text);
	buf_fini(&path);
	return r;
}

/* The running server's answer; RC_NOTFOUND: none runs; RC_DENIED: whether one
 * does is not for this user to know. */
static int
ask_server(const struct conf *conf, const struct dkim_order *o, int *rc_out,
    struct buf *text, struct err *err)
{
	int fd = command_connect(conf, "auth.sock"), r;
	struct auth_done done;
	struct msg m, reply;

	if (fd < 0)
		return command_unreached(conf, err) == RC_DENIED ? RC_DENIED
								 : RC_NOTFOUND;
	msg_init(&m, CMD_DKIM);
	dkim_order_put(&m, o);
	r = line_send_fd(fd, &m);
	if (r == RC_OK)
		r = line_recv_fd(fd, &reply);
	io_close(&fd);
	if (r == RC_OK) {
		r = auth_done_get(&reply, &done);
		if (r == RC_OK) {
			*rc_out = done.rc;
			buf_addsv(text, done.text);
		}
		msg_fini(&reply);
	}
	return r == RC_OK ? RC_OK : err_set(err, RC_TEMP, "%s", COMMAND_SILENT);
}

/* ---- without a server ---- */

static int
read_records(const struct conf *conf, const char *domain, struct buf *out,
    struct buf *why)
{
	struct err err = {.text = ""};
	struct ring ring;
	int r = read_ring(conf, domain, &ring, &err);

	if (r == RC_OK)
		r = ring_records(&ring, out);
	if (r == RC_NOTFOUND) {
		buf_adds(why, "the keys are created when the server first "
			      "starts with this domain");
	} else if (r != RC_OK) {
		buf_addf(why, "%s", err.text);
		if (geteuid() != 0)
			buf_adds(why, " (are you root?)");
	}
	ring_fini(&ring);
	return r;
}

int
command_dkim_records(const struct conf *conf, const char *domain,
    struct buf *out, struct buf *why)
{
	const struct dkim_order o = {SIGNER_RECORDS, sv_str(domain), SV("")};
	struct err err = {.text = ""};
	struct buf text;
	int rc = RC_OK, r;

	buf_init(&text, MSG_MAX);
	r = ask_server(conf, &o, &rc, &text, &err);
	if (r == RC_NOTFOUND) {
		r = read_records(conf, domain, out, why);
	} else if (r != RC_OK) {
		buf_adds(why, err.text);
	} else {
		buf_addsv(rc == RC_OK ? out : why, buf_sv(&text));
		r = rc == RC_NOTFOUND ? RC_TEMP : rc;
	}
	buf_fini(&text);
	return r;
}

static int
list_file(const struct conf *conf, const char *domain, struct buf *out)
{
	const struct rotation_policy p = {
	    .rotate_s = conf->dkim.rotate_s, .queue_s = ROTATION_QUEUE_S};
	struct err err = {.text = ""};
	struct ring ring;
	int r = read_ring(conf, domain, &ring, &err);

	if (r == RC_OK)
		notice_list(domain, &ring, &p, NULL, out);
	else if (r == RC_NOTFOUND)
		buf_addf(out,
		    "%s\n  its keys are created when the server first starts "
		    "with it\n",
		    domain);
	ring_fini(&ring);
	if (r == RC_OK || r == RC_NOTFOUND)
		return EXIT_FINE;
	return command_fail("dkim", EXIT_FAILED, "%s: %s%s", domain, err.text,
	    geteuid() != 0 ? " (are you root?)" : "");
}

static int
list_files(const struct conf *conf, const char *domain)
{
	int code = EXIT_FINE;
	struct buf text;
	size_t i;

	buf_init(&text, 1 << 20);
	for (i = 0; i < conf->ndomain; i++)
		if (domain[0] == '\0' ||
		    sv_ieq(sv_str(domain), sv_str(conf->domain[i].name))) {
			int r = list_file(conf, conf->domain[i].name, &text);

			code = r != EXIT_FINE ? r : code;
		}
	fputs(text.n > 0 ? text.p : "", stdout);
	buf_fini(&text);
	return code;
}

/* ---- */

static int
obey(const struct conf *conf, const struct dkim_order *o, const char *domain)
{
	struct err err = {.text = ""};
	struct buf text;
	int rc = RC_OK, r;

	buf_init(&text, MSG_MAX);
	r = ask_server(conf, o, &rc, &text, &err);
	if (r == RC_NOTFOUND && o->what == SIGNER_LIST)
		r = list_files(conf, domain);
	else if (r != RC_OK)
		r = command_fail("dkim", EXIT_FAILED, "%s", err.text);
	else if (rc != RC_OK)
		r = command_fail("dkim", EXIT_FAILED, "%s", text.p);
	else
		r = EXIT_FINE;
	if (r == EXIT_FINE && rc == RC_OK && text.n > 0) {
		if (o->what == SIGNER_ROTATE)
			printf("a new key of %s: %.*s\npublish its two "
			       "records (hearthmail dns); it is used when all "
			       "name servers have them\n",
			    domain, (int)(text.n - 1), text.p);
		else
			fputs(text.p, stdout);
	} else if (r == EXIT_FINE && o->what == SIGNER_RETIRE) {
		printf("the key is destroyed; its records can be removed from "
		       "DNS, but mail that it has signed and that is still on "
		       "its way is checked with them\n");
	}
	if (r == EXIT_FINE && o->what == SIGNER_USE)
		printf("it signs from now on\n");
	buf_fini(&text);
	return r;
}

static int
read_words(int argc, char **argv, struct dkim_order *o, const char **domain)
{
	static const char *const verbs[] = {"list", "rotate", "retire", "use"};
	static const struct {
		enum signer_what what;
		const char *words;
		int least, most;
	} orders[] = {{SIGNER_LIST, "one domain", 0, 1},
	    {SIGNER_ROTATE, "a domain", 1, 1},
	    {SIGNER_RETIRE, "a domain and a selector", 2, 2},
	    {SIGNER_USE, "a domain and a selector", 2, 2}};
	struct command_words words = {.command = "dkim"};
	size_t i = command_verb("dkim", verbs, 4, argv[1]);
	int n, r;

	if (i == 4)
		return EXIT_USAGE;
	words.what = orders[i].words;
	words.least = orders[i].least;
	words.most = orders[i].most;
	r = command_words(&words, argc - 1, argv + 1, &n);
	if (r != EXIT_FINE)
		return r;
	o->what = (uint8_t)orders[i].what;
	*domain = n > 0 ? argv[2] : "";
	o->selector =
	    sv_first(sv_str(n > 1 ? argv[3] : ""), SIGN_SELECTOR_MAX - 1);
	return EXIT_FINE;
}

int
cmd_dkim(const char *config, int argc, char **argv)
{
	struct dkim_order o = {.what = SIGNER_WHATS};
	const char *domain;
	char lower[SIGNER_DOMAIN_MAX];
	struct conf *conf;
	size_t i;
	int r = read_words(argc, argv, &o, &domain);

	if (r != EXIT_FINE)
		return r;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	(void)snprintf(lower, sizeof lower, "%s", domain);
	for (i = 0; lower[i] != '\0'; i++)
		lower[i] = ascii_lower(lower[i]);
	if (domain[0] != '\0' && !conf_domain_is_local(conf, sv_str(lower))) {
		r = command_fail("dkim", EXIT_FAILED,
		    "\"%s\" is not a domain of this server", domain);
	} else {
		o.domain = sv_str(lower);
		dkim_key_setup();
		r = obey(conf, &o, lower);
	}
	conf_free(&conf);
	return r;
}
