/*
 * `hearthmail device`: the phones and programs of an account.  Each has an app
 * password of its own; what a new one needs to know is printed, drawn as a QR
 * code, and written as a profile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clk.h"
#include "base/io.h"
#include "clients/profile.h"
#include "clients/sign.h"
#include "cmd/command/auth_line.h"
#include "cmd/command/command.h"
#include "cmd/command/qr.h"
#include "cmd/supervisor/certificate.h"
#include "ipc/msg_auth.h"
#include "ipc/proto.h"
#include "net/tls.h"

#define PROFILE_MAX (1 << 20)

struct device {
	const struct conf *conf;
	struct clients_server server;
	struct clients_profile is;
	const char *file;    /* NULL: no profile is wanted */
	const char *address; /* NULL: the account's first */
	int fd;
	bool qr, json;
	struct buf link; /* empty: nobody would answer there */
};

static int
ask_to_add(const struct device *d, struct auth_said *a)
{
	const struct device_order o = {
	    d->is.account, d->is.device, d->is.address};
	struct msg m;

	msg_init(&m, CMD_DEVICE_ADD);
	device_order_put(&m, &o);
	return auth_line_need("device", d->conf, &m, a);
}

static int
ask(const struct conf *conf, uint16_t type, struct sv account, struct sv name,
    struct auth_said *a)
{
	const struct auth_command o = {account, name, false};
	struct msg m;

	msg_init(&m, type);
	auth_command_put(&m, &o);
	return auth_line_need("device", conf, &m, a);
}

/* ---- add ---- */

/* A device that nobody can set up must not let anybody in. */
static int
take_back(const struct device *d)
{
	struct auth_said a;

	if (d->file != NULL)
		(void)unlink(d->file);
	auth_said_init(&a);
	if (ask(d->conf, CMD_APP_REVOKE, d->is.account, d->is.device, &a) ==
	    EXIT_FINE)
		(void)command_fail(
		    "device", EXIT_FAILED, "the device was not added");
	else
		(void)command_fail("device", EXIT_FAILED,
		    "the device was added, but its password is lost: remove it "
		    "with device revoke %.*s \"%.*s\"",
		    SV_ARG(d->is.account), SV_ARG(d->is.device));
	auth_said_fini(&a);
	return EXIT_FAILED;
}

/* Signed, if devices would believe it: what they do not is shown in red, which
 * is worse than no signature. */
static bool
sign(const struct device *d, struct buf *profile)
{
	struct buf cert, key, roots, out;
	struct err err = {.text = ""};
	int r;

	buf_init(&cert, PROFILE_MAX);
	buf_init(&key, PROFILE_MAX);
	buf_init(&roots, 4 * PROFILE_MAX);
	buf_init(&out, PROFILE_MAX);
	r = certificate_load(d->conf, &cert, &key, &err);
	if (r == RC_OK)
		r = io_read_file(TLS_CA_BUNDLE, &roots, &err);
	if (r == RC_OK)
		r = clients_sign_trusted(buf_sv(&cert), buf_sv(&roots), &err);
	if (r == RC_OK)
		r = clients_sign(
		    buf_sv(&cert), buf_sv(&key), buf_sv(profile), &out, &err);
	if (r == RC_OK) {
		buf_reset(profile);
		buf_addsv(profile, buf_sv(&out));
	} else {
		fprintf(stderr,
		    "hearthmail device: the profile is not signed, and the "
		    "device will say so: %s\n",
		    err.text);
	}
	buf_wipe(&out);
	buf_fini(&roots);
	buf_wipe(&key);
	buf_fini(&cert);
	return r == RC_OK;
}

/* Before there is a password: where it cannot be written nothing is made. */
static int
open_profile(struct device *d)
{
	if (d->file == NULL)
		return EXIT_FINE;
	d->fd = open(d->file,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->fd >= 0)
		return EXIT_FINE;
	if (errno == EEXIST)
		return command_fail("device", EXIT_FAILED,
		    "%s exists already; choose another name", d->file);
	return command_fail("device", EXIT_FAILED, "cannot create %s: %s",
	    d->file, strerror(errno));
}

static int
write_profile(struct device *d)
{
	struct buf b;
	int r = EXIT_FINE, rc;

	if (d->file == NULL)
		return EXIT_FINE;
	buf_init(&b, PROFILE_MAX);
	rc = clients_profile(&d->server, &d->is, &b);
	if (rc != RC_OK) {
		r = command_fail("device", EXIT_FAILED,
		    rc == RC_NOTFOUND
			? "there is no profile without listen.imap(s) and "
			  "listen.submission(s)"
			: "the device's name cannot be part of a profile");
	} else {
		(void)sign(d, &b);
		if (io_write_all(d->fd, b.p, b.n) != RC_OK ||
		    fsync(d->fd) != 0 || close(d->fd) != 0)
			r = command_fail("device", EXIT_FAILED,
			    "cannot write %s: %s", d->file, strerror(errno));
		d->fd = -1;
	}
	buf_wipe(&b);
	return r;
}

/* Where the process web shows the settings, and hands out the profile. */
static void
make_link(struct device *d, struct sv token)
{
	if (!d->server.web || token.n == 0)
		return;
	clients_put_origin(&d->server, &d->link);
	buf_addf(&d->link, "/device/%.*s", SV_ARG(token));
}

static void
print_link(const struct device *d)
{
	struct buf code;

	printf("\nOr scan this with the phone, or open it there, within 15 "
	       "minutes; it works once:\n%s\n",
	    d->link.p);
	buf_init(&code, 1 << 16);
	if (d->qr && qr_print(buf_sv(&d->link), &code) == RC_OK)
		printf("\n%s", code.p);
	buf_wipe(&code);
}

/* What Thunderbird for Android takes: no line is typed into it. */
static void
print_code(const struct device *d)
{
	struct buf text, code;

	buf_init(&text, 4096);
	buf_init(&code, 1 << 16);
	if (clients_thunderbird_code(&d->server, &d->is, &text) == RC_OK &&
	    qr_print(buf_sv(&text), &code) == RC_OK)
		printf("\nThunderbird for Android: \"Import settings\", \"Scan "
		       "QR code\"; it has the password in it\n\n%s",
		    code.p);
	buf_wipe(&text);
	buf_wipe(&code);
}

static void
print_device(const struct device *d)
{
	struct buf text;

	buf_init(&text, 4096);
	clients_text(&d->server, d->is.address, &text);
	printf("password   %.*s\n%s", SV_ARG(d->is.password), text.p);
	if (d->file != NULL)
		printf("profile    %s, for iPhone, iPad and Mac: it has the "
		       "password in it; delete it when it is installed\n",
		    d->file);
	if (d->link.n > 0)
		print_link(d);
	else if (d->qr)
		print_code(d);
	buf_fini(&text);
}

static int
add(struct device *d)
{
	struct auth_said a;
	int r;

	r = open_profile(d);
	if (r != EXIT_FINE)
		return r;
	auth_said_init(&a);
	r = ask_to_add(d, &a);
	if (r != EXIT_FINE) {
		if (d->file != NULL)
			(void)unlink(d->file);
	} else {
		d->is.password = buf_sv(&a.secret);
		make_link(d, buf_sv(&a.text));
		r = write_profile(d);
		if (r == EXIT_FINE) {
			print_device(d);
			if (!command_written("device"))
				r = EXIT_FAILED;
		}
		if (r != EXIT_FINE)
			r = take_back(d);
	}
	io_close(&d->fd);
	auth_said_fini(&a);
	return r;
}

/* ---- list ---- */

static void
print_time(const char *before, int64_t seconds, bool minutes)
{
	struct clk_tm t;

	clk_civil(seconds, &t);
	printf("%s%04d-%02d-%02d", before, t.year, t.month, t.day);
	if (minutes)
		printf(" %02d:%02d", t.hour, t.minute);
}

struct entry {
	struct sv name, service, peer;
	uint64_t made, used; /* seconds; used 0: never */
};

/* "MADE USED SERVICE ADDRESS LABEL": auth/uses.h. */
static bool
read_entry(struct sv line, struct entry *out)
{
	struct sv made = sv_split(&line, ' '), used = sv_split(&line, ' ');

	out->service = sv_split(&line, ' ');
	out->peer = sv_split(&line, ' ');
	out->name = line;
	return sv_to_u64(made, INT64_MAX, &out->made) == RC_OK &&
	       sv_to_u64(used, INT64_MAX, &out->used) == RC_OK;
}

static void
print_entry(const struct entry *e)
{
	printf("%.*s\n", SV_ARG(e->name));
	print_time("    added ", (int64_t)e->made, false);
	if (e->used == 0) {
		printf(", never used\n");
		return;
	}
	print_time(", last used ", (int64_t)e->used, true);
	printf(" UTC by %.*s from %.*s\n", SV_ARG(e->service), SV_ARG(e->peer));
}

/* Times as seconds since 1970; null: never. */
static void
add_entry(json_t *list, const struct entry *e)
{
	json_t *j = json_pack("{s:s%, s:I, s:n, s:n, s:n}", "name", e->name.p,
	    e->name.n, "added", (json_int_t)e->made, "last_used", "service",
	    "address");

	must(j != NULL); /* names are UTF-8 */
	if (e->used != 0) {
		json_object_set_new(
		    j, "last_used", json_integer((json_int_t)e->used));
		json_object_set_new(
		    j, "service", json_stringn(e->service.p, e->service.n));
		json_object_set_new(
		    j, "address", json_stringn(e->peer.p, e->peer.n));
	}
	json_array_append_new(list, j);
}

static void
print_entries(struct sv lines, bool json)
{
	json_t *all = json_array();
	struct entry e;

	if (lines.n == 0 && !json)
		printf("no devices\n");
	while (lines.n > 0)
		if (!read_entry(sv_split(&lines, '\n'), &e))
			continue;
		else if (json)
			add_entry(all, &e);
		else
			print_entry(&e);
	if (json) {
		(void)json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(all);
}

static int
list(const struct conf *conf, struct sv account, bool json)
{
	struct auth_said a;
	int r;

	auth_said_init(&a);
	r = ask(conf, CMD_DEVICE_LIST, account, SV(""), &a);
	if (r == EXIT_FINE)
		print_entries(buf_sv(&a.text), json);
	auth_said_fini(&a);
	return r;
}

static int
revoke_device(const struct conf *conf, struct sv account, struct sv name)
{
	struct auth_said a;
	int r;

	auth_said_init(&a);
	r = ask(conf, CMD_APP_REVOKE, account, name, &a);
	if (r == EXIT_FINE)
		printf("revoked; its sessions are closed\n");
	auth_said_fini(&a);
	return r;
}

/* As the configuration has it. */
static bool
choose_address(struct device *d, const struct conf_account *a)
{
	size_t i;

	d->is.address = sv_str(a->naddress > 0 ? a->address[0] : a->name);
	for (i = 0; d->address != NULL && i < a->naddress; i++)
		if (sv_ieq(sv_str(d->address), sv_str(a->address[i]))) {
			d->is.address = sv_str(a->address[i]);
			return true;
		}
	return d->address == NULL;
}

static int
begin_to_add(struct device *d)
{
	int number = conf_account_by_name(d->conf, d->is.account);
	const struct conf_account *a;
	int r;

	if (number < 0)
		return command_fail("device", EXIT_FAILED,
		    "there is no account \"%.*s\" in the configuration",
		    SV_ARG(d->is.account));
	a = &d->conf->account[number];
	if (!choose_address(d, a))
		return command_fail("device", EXIT_FAILED,
		    "%s is not an address of %s", d->address, a->name);
	clients_server_of(d->conf, &d->server);
	buf_init(&d->link, 1024);
	r = add(d);
	buf_wipe(&d->link);
	return r;
}

/* ---- words ---- */

enum verb {
	ADD,
	LIST,
	REVOKE,
	VERBS
};

static int
run(struct device *d, enum verb verb)
{
	switch (verb) {
	case ADD:
		return begin_to_add(d);
	case LIST:
		return list(d->conf, d->is.account, d->json);
	case REVOKE:
		return revoke_device(d->conf, d->is.account, d->is.device);
	case VERBS:
		break;
	}
	return EXIT_USAGE;
}

int
cmd_device(const char *config, int argc, char **argv)
{
	static const char *const verbs[] = {"add", "list", "revoke"};
	struct device d = {.fd = -1};
	bool qr = false, no_qr = false;
	const struct command_option of_add[] = {
	    {"--address", "one of the account's", .text = &d.address},
	    {"--profile", "a file", .text = &d.file},
	    {"--qr", .flag = &qr},
	    {"--no-qr", .flag = &no_qr},
	};
	const struct command_option of_list = {"--json", .flag = &d.json};
	struct command_words words = {.command = "device"};
	struct conf *conf;
	int n, r;
	enum verb verb =
	    (enum verb)command_verb("device", verbs, VERBS, argv[1]);

	if (verb == VERBS)
		return EXIT_USAGE;
	words.option = verb == ADD ? of_add : &of_list;
	words.noption = verb == ADD ? 4 : verb == LIST;
	words.what =
	    verb == LIST ? "an account" : "an account and the device's name";
	words.least = words.most = verb == LIST ? 1 : 2;
	r = command_words(&words, argc - 1, argv + 1, &n);
	if (r == EXIT_FINE && qr && no_qr)
		r = command_misused(
		    "device", "--qr cannot be combined with --no-qr");
	if (r != EXIT_FINE)
		return r;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	d.conf = conf;
	d.is.account = sv_str(argv[2]);
	d.is.device = sv_str(n > 1 ? argv[3] : "");
	d.qr = qr || (isatty(1) == 1 && !no_qr);
	r = run(&d, verb);
	conf_free(&conf);
	return r;
}
