#include "cmd/command/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/be.h"
#include "base/io.h"
#include "cmd/command/command.h"

#define CA_MAX	      (8u << 20)
#define PASSWORD_MAX  1024
#define LOCAL_MS      600000
#define REMOTE_MS     300000
#define BREAKS_MAX    6
#define BREAK_WAIT_MS 500
#define NAMES_MAX     (16u << 20)

/* ---- words ---- */

/* "AB:CD..." or "abcd...": small letters without colons. */
static bool
read_pin(const char *text, char out[65])
{
	size_t n = 0;

	for (; *text != '\0' && n < 65; text++) {
		if (*text == ':')
			continue;
		if (ascii_hex(*text) < 0 || n == 64)
			return false;
		out[n++] = ascii_lower(*text);
	}
	out[n < 65 ? n : 64] = '\0';
	return n == 64;
}

static bool
read_format(const char *text, enum transfer_format *out)
{
	static const char *const names[] = {"", "maildir", "mbox", "eml"};
	int i;

	for (i = FORMAT_MAILDIR; i <= FORMAT_EML; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum transfer_format)i;
			return true;
		}
	return false;
}

static bool
is_map(const char *text)
{
	struct sv to = sv_str(text), from = sv_split(&to, '=');

	return from.n > 0 && to.n > 0 && to.p[0] != '/' &&
	       to.p[to.n - 1] != '/' && sv_chr(to, '=') == to.n;
}

static const char *
take_format(void *arg, const char *value)
{
	struct transfer_order *o = arg;

	return read_format(value, &o->format) ? NULL
					      : "expected maildir, mbox or eml";
}

static const char *
take_time(void *arg, const char *value)
{
	struct transfer_order *o = arg;

	return command_when(value, true, &o->as_of) ? NULL : COMMAND_WHEN;
}

static const char *
take_pin(void *arg, const char *value)
{
	struct transfer_order *o = arg;

	return read_pin(value, o->server.pin)
		   ? NULL
		   : "a SHA-256 has 64 hexadecimal digits";
}

static const char *
take_map(void *arg, const char *value)
{
	struct transfer_order *o = arg;

	if (!is_map(value))
		return "it is NAME=FOLDER";
	if (o->nmap == TRANSFER_FOLDERS)
		return "no more than 100 folders are mapped";
	o->map[o->nmap++] = value;
	return NULL;
}

static const char *
take_folder(void *arg, const char *value)
{
	struct transfer_order *o = arg;

	if (o->nonly == TRANSFER_FOLDERS)
		return "no more than 100 folders are named";
	o->only[o->nonly++] = value;
	return NULL;
}

int
transfer_words(struct transfer_order *o, int argc, char **argv, int *n_out)
{
	bool import = strcmp(o->command, "import") == 0;
	const struct command_option options[] = {{"--again", .flag = &o->again},
	    {"--format", "maildir, mbox or eml", .read = take_format, .arg = o},
	    {"--into", "a folder", .text = &o->into},
	    {"--folder", "a folder", .read = take_folder, .arg = o,
		.many = true},
	    {"--password-file", "a file with the password",
		.text = &o->password_file},
	    {"--fingerprint", "64 hexadecimal digits", .read = take_pin,
		.arg = o},
	    /* The last is of one of them only. */
	    import ? (struct command_option){"--map", "NAME=FOLDER",
			 .read = take_map, .arg = o, .many = true}
		   : (struct command_option){
			 "--as-of", COMMAND_WHEN, .read = take_time, .arg = o}};
	const struct command_words words = {.command = o->command,
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = import ? "an account and what is copied into it"
			   : "an account and where its mail is copied to",
	    .least = 2,
	    .most = import ? argc : 2};

	return command_words(&words, argc, argv, n_out);
}

int
transfer_check_account(const struct transfer_order *o)
{
	struct buf empty; /* where the worker is shut in */
	int code = EXIT_FINE, fd = -1;
	struct err err;

	buf_init(&empty, 4096);
	buf_addf(&empty, "%s/run/empty", o->conf->data);
	if (conf_account_by_name(o->conf, sv_str(o->account)) < 0)
		code = command_fail(o->command, EXIT_FAILED,
		    "there is no account \"%s\" in the configuration",
		    o->account);
	else if (access(empty.p, F_OK) != 0 && errno == ENOENT)
		code = command_fail(o->command, EXIT_FAILED,
		    "there is no server data in %s; start the server first",
		    o->conf->data);
	/* Later it may be away for a moment; now it has to be there. */
	else if ((fd = command_connect(o->conf, "keeper.sock")) < 0 &&
		 command_unreached(o->conf, &err) != RC_OK)
		code = command_fail(o->command, EXIT_FAILED, "%s", err.text);
	io_close(&fd);
	buf_fini(&empty);
	return code;
}

int
transfer_check_options(const struct transfer_order *o)
{
	bool server = o->server.host != NULL;
	bool from_files = !server && strcmp(o->command, "import") == 0;
	const char *option = NULL;

	if (server && o->format != FORMAT_NONE)
		option = "--format";
	else if (server && o->as_of != 0)
		/* UIDs, by which a second run knows what came, are of today. */
		option = "--as-of";
	else if (!server && o->password_file != NULL)
		option = "--password-file";
	else if (!server && o->server.pin[0] != '\0')
		option = "--fingerprint";
	else if (!server && !from_files && o->into != NULL)
		option = "--into";
	else if (!server && !from_files && o->again)
		option = "--again";
	if (option == NULL)
		return EXIT_FINE;
	return command_misused(o->command, "%s is for %s only", option,
	    server	 ? "files"
	    : from_files ? "servers"
			 : "an export to a server");
}

/* ---- the other server ---- */

/* "%40" for "@". */
static char *
unescaped(struct sv s)
{
	char *out = xmalloc(s.n + 1);
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '%' && i + 2 < s.n &&
		    ascii_hex(s.p[i + 1]) >= 0 && ascii_hex(s.p[i + 2]) >= 0) {
			out[n++] = (char)(ascii_hex(s.p[i + 1]) << 4 |
					  ascii_hex(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	out[n] = '\0';
	return out;
}

int
transfer_server_parse(
    const char *text, struct transfer_server *out, struct err *err)
{
	struct sv s = sv_str(text), user, host, port;
	size_t at, end;
	uint64_t n;

	if (sv_istarts(s, SV("imaps://")))
		out->implicit = true;
	else if (!sv_istarts(s, SV("imap://")))
		return RC_NOTFOUND;
	s = sv_skip(s, out->implicit ? 8 : 7);
	if (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	at = sv_rchr(s, '@');
	user = sv_first(s, at < s.n ? at : 0);
	host = at < s.n ? sv_skip(s, at + 1) : SV("");
	port = out->implicit ? SV("993") : SV("143");
	if (host.n > 0 && host.p[0] == '[') {
		end = sv_chr(host, ']');
		if (end + 1 < host.n && host.p[end + 1] == ':')
			port = sv_skip(host, end + 2);
		host = sv_skip(sv_first(host, end), 1);
	} else if (sv_chr(host, ':') < host.n) {
		end = sv_chr(host, ':');
		port = sv_skip(host, end + 1);
		host = sv_first(host, end);
	}
	if (user.n == 0 || host.n == 0 || sv_chr(host, '/') < host.n ||
	    sv_to_u64(port, 65535, &n) != RC_OK || n == 0)
		return err_set(err, RC_SYNTAX,
		    "a server is written imaps://USER@HOST or "
		    "imap://USER@HOST, optionally with :PORT");
	if (sv_chr(user, ':') < user.n)
		return err_set(err, RC_SYNTAX,
		    "a password has no place here, where others see it: it is "
		    "asked for, or --password-file");
	out->user = unescaped(user);
	out->host = sv_dup(host);
	out->port = sv_dup(port);
	return RC_OK;
}

void
transfer_server_fini(struct transfer_server *s)
{
	free(s->user);
	free(s->host);
	free(s->port);
	s->user = s->host = s->port = NULL;
	buf_wipe(&s->password);
	tls_client_free(&s->tls);
}

static int
read_password(struct transfer_order *o, struct err *err)
{
	struct transfer_server *s = &o->server;
	struct buf text;
	struct stat st;
	int r = RC_OK;

	buf_init(&s->password, PASSWORD_MAX);
	if (o->password_file != NULL) {
		if (stat(o->password_file, &st) == 0 &&
		    (st.st_mode & S_IROTH) != 0)
			fprintf(stderr,
			    "WARNING: everybody can read the password file "
			    "%s: chmod o-rwx\n",
			    o->password_file);
		r = io_read_file(o->password_file, &s->password, err);
		/* Its first line. */
		buf_truncate(&s->password, sv_chr(buf_sv(&s->password), '\n'));
		if (s->password.n > 0 &&
		    s->password.p[s->password.n - 1] == '\r')
			buf_truncate(&s->password, s->password.n - 1);
	} else {
		buf_init(&text, 1024);
		buf_addf(&text, "Password of %s at %s: ", s->user, s->host);
		if (!command_prompt(text.p, &s->password))
			r = err_set(err, RC_DENIED, "no password");
		buf_fini(&text);
	}
	if (r == RC_OK && s->password.n == 0)
		r = err_set(err, RC_DENIED, "the password is empty");
	return r;
}

int
transfer_server_prepare(struct transfer_order *o, struct err *err)
{
	return o->server.host != NULL ? read_password(o, err) : RC_OK;
}

int
transfer_before(void *arg, struct err *err)
{
	struct transfer_order *o = arg;
	const char *bundle = getenv("SSL_CERT_FILE");
	struct buf ca;
	int r = RC_OK;

	if (o->server.host == NULL)
		return RC_OK;
	tls_library_setup();
	buf_init(&ca, CA_MAX);
	/* With a pinned certificate nobody else's word counts. */
	if (o->server.pin[0] == '\0')
		r = io_read_file(
		    bundle != NULL ? bundle : TLS_CA_BUNDLE, &ca, err);
	if (r == RC_OK)
		r = tls_client_new(buf_sv(&ca), &o->server.tls, err);
	buf_fini(&ca);
	return r;
}

/* ---- the state's file ---- */

static void
identity_key(
    const struct transfer_order *o, const char *identity, struct state_key *out)
{
	const struct sv part[] = {sv_str(o->command), sv_str(o->account),
	    sv_str(identity), sv_str(o->into)};

	state_key_make(out, "place", part, 4);
}

uint64_t
transfer_who(const struct transfer_order *o, const char *identity)
{
	struct state_key k;

	identity_key(o, identity, &k);
	return be_get64(k.b) | 1; /* never 0 */
}

static int
make_folder(const char *path, struct err *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return RC_OK;
	return err_sys(err, RC_IO, errno, "%s", path);
}

static int
lock_state(
    struct transfer_order *o, const char *path, int *fd_out, struct err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, RC_IO, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		(void)close(fd);
		return err_set(err, RC_TEMP,
		    "another %s of the same mail is in progress", o->command);
	}
	o->state_read = open(path, O_RDONLY | O_CLOEXEC);
	if (o->state_read < 0) {
		(void)close(fd);
		return err_sys(err, RC_IO, errno, "%s", path);
	}
	*fd_out = fd;
	return RC_OK;
}

int
transfer_state_open(struct transfer_order *o, const char *identity, int *fd_out,
    struct err *err)
{
	struct buf path, head;
	struct state_key key;
	size_t i;
	int r;

	identity_key(o, identity, &key);
	buf_init(&path, 4096);
	buf_init(&head, 4096);
	buf_addf(&path, "%s/import", o->conf->data);
	r = make_folder(path.p, err);
	buf_addf(&path, "/%s", o->account);
	if (r == RC_OK)
		r = make_folder(path.p, err);
	buf_addc(&path, '/');
	for (i = 0; i < 8; i++)
		buf_addf(&path, "%02x", key.b[i]);
	buf_adds(&path, ".state");
	if (r == RC_OK && (o->again || access(path.p, F_OK) != 0)) {
		state_put_head(sv_str(identity), &head);
		r = io_replace_file(path.p, buf_sv(&head), 0600, err);
	}
	if (r == RC_OK)
		r = lock_state(o, path.p, fd_out, err);
	buf_fini(&head);
	buf_fini(&path);
	return r;
}

/* ---- which folders ---- */

/* What a source has, learnt by a pass that takes nothing. */
struct names {
	struct buf text; /* a line each */
};

static int
note_name(void *arg, const struct transfer_folder *f, struct err *err)
{
	struct names *n = arg;

	(void)err;
	buf_addsv(&n->text, f->name);
	buf_addc(&n->text, '\n');
	return RC_DENIED; /* leave it out */
}

static bool
has_name(const struct names *n, struct sv name)
{
	struct sv rest = buf_sv(&n->text);

	while (rest.n > 0)
		if (transfer_same_name(sv_split(&rest, '\n'), name))
			return true;
	return false;
}

#define NAMES_SHOWN 400

/* The nearest name, else the first ones. */
static void
say_missing(struct transfer_order *o, const struct names *n, const char *name)
{
	struct sv_nearest near = {.word = sv_str(name)};
	struct sv rest = buf_sv(&n->text);
	struct buf b;

	buf_init(&b, 8192);
	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');

		sv_nearest(&near, line);
		if (b.n < NAMES_SHOWN && b.n + line.n < 2 * NAMES_SHOWN) {
			buf_adds(&b, b.n > 0 ? ", " : "");
			buf_addsv(&b, line);
		}
	}
	if (near.best.n > 0)
		report_note(&o->report,
		    "there is no folder \"%s\"; did you mean \"%.*s\"?", name,
		    SV_ARG(near.best));
	else
		report_note(&o->report,
		    "there is no folder \"%s\"; there are: %s", name,
		    b.n > 0 ? b.p : "none");
	buf_fini(&b);
}

int
transfer_find_folders(
    struct transfer_order *o, transfer_source_fn *source, struct err *err)
{
	struct names n;
	struct sink sink = {.folder = note_name, .arg = &n};
	size_t i, missing = 0;
	int r;

	if (o->nonly == 0)
		return RC_OK;
	buf_init(&n.text, NAMES_MAX);
	o->x.nonly = 0;
	o->x.hidden = true;
	r = source(o, &sink, err);
	o->x.hidden = false;
	o->x.nonly = o->nonly;
	report_begin(&o->report);
	for (i = 0; i < o->nonly && r == RC_OK; i++) {
		/* [RFC 9051 5.1] */
		if (sv_ieq(sv_str(o->only[i]), SV("INBOX")))
			o->only[i] = "INBOX";
		if (has_name(&n, sv_str(o->only[i])))
			continue;
		say_missing(o, &n, o->only[i]);
		missing++;
	}
	buf_fini(&n.text);
	if (r == RC_OK && missing > 0)
		r = err_set(err, RC_NOTFOUND, "not all folders exist");
	return r;
}

/* ---- in the worker ---- */

int
transfer_into_imap(struct transfer_order *o, struct to_imap **to, int r,
    transfer_source_fn *source, struct err *err)
{
	struct sink sink;

	to_imap_sink(*to, &sink);
	if (r == RC_OK)
		r = source(o, &sink, err);
	if (r == RC_OK)
		r = to_imap_end(*to, err);
	else
		to_imap_save(*to);
	to_imap_free(to);
	return r;
}

static int
load_state(struct transfer_order *o, struct err *err)
{
	char *piece = xmalloc(65536);
	ssize_t n = 0;
	int r;

	o->state = state_new();
	while (
	    o->state_read >= 0 && (n = read(o->state_read, piece, 65536)) > 0)
		state_feed(o->state, sv_of(piece, (size_t)n));
	free(piece);
	if (o->state_read < 0)
		return RC_OK;
	r = n < 0 ? RC_IO : state_loaded(o->state);
	if (r != RC_OK)
		return err_set(err, RC_PERM,
		    "the record of earlier runs is damaged; --again discards "
		    "it");
	return RC_OK;
}

static int
open_here(struct transfer_order *o, struct err *err)
{
	int fd, r = broker_session(o->x.broker, &fd, err);

	if (r != RC_OK)
		return r;
	o->here = imap_client_new(fd, LOCAL_MS);
	o->x.own = o->here;
	r = imap_client_join(o->here, SV("local"), err);
	/* Between us and our own server nothing is for good. */
	return r == RC_PERM ? RC_TEMP : r;
}

static int
secure(struct transfer_order *o, struct err *err)
{
	const struct transfer_server *s = &o->server;
	const char *pin = s->pin[0] != '\0' ? s->pin : NULL;
	char seen[65] = "";
	int r = imap_client_tls(o->there, s->tls, s->host, pin, seen, err);

	if (r == RC_DENIED)
		report_note(&o->report,
		    "%s; its SHA-256 is %s.  If you know from elsewhere that "
		    "this is the right one: --fingerprint %s",
		    err->text, seen, seen);
	return r;
}

static int
open_there(struct transfer_order *o, struct err *err)
{
	const struct transfer_server *s = &o->server;
	int fd, r = broker_connect(o->x.broker, &fd, err);

	if (r != RC_OK)
		return r;
	o->there = imap_client_new(fd, REMOTE_MS);
	if (s->implicit)
		r = secure(o, err);
	if (r == RC_OK)
		r = imap_client_greeting(o->there, err);
	if (!s->implicit) {
		if (r == RC_OK)
			r = imap_client_starttls(o->there, err);
		if (r == RC_OK)
			r = secure(o, err);
	}
	if (r == RC_OK)
		r = imap_client_login(
		    o->there, s->user, buf_sv(&s->password), err);
	return r;
}

/* What our own server says of a quota is said to the owner, who sets it. */
static int
explain(const struct transfer_order *o, int r, struct err *err)
{
	struct sv text = sv_str(err->text);

	if (r == RC_DENIED &&
	    sv_ieq(imap_client_code(o->here), SV("OVERQUOTA")) &&
	    sv_find(text, SV("quota does")) < text.n)
		return err_set(err, r,
		    "the quota of %.60s is used up; give it more, or remove "
		    "mail, then run this again",
		    o->account);
	return r;
}

static int
one_run(struct transfer_order *o,
    int (*once)(struct transfer_order *o, struct err *err), struct err *err)
{
	int r = open_here(o, err);

	if (r == RC_OK && o->server.host != NULL)
		r = open_there(o, err);
	if (r == RC_OK)
		r = explain(o, once(o, err), err);
	if (r == RC_OK && o->there != NULL)
		imap_client_logout(o->there);
	if (r == RC_OK)
		imap_client_logout(o->here);
	imap_client_free(&o->there);
	imap_client_free(&o->here);
	return r;
}

static bool
may_pass(int r)
{
	return r == RC_TEMP || r == RC_EOF || r == RC_IO || r == RC_TIMEOUT;
}

static void
pause_ms(int64_t ms)
{
	const struct timespec t = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&t, NULL);
}

static int
run_until_done(struct transfer_order *o,
    int (*once)(struct transfer_order *o, struct err *err), struct err *err)
{
	uint64_t came = 0, learnt = 0;
	int breaks = 0, r;

	while (may_pass(r = one_run(o, once, err))) {
		/* What it was at is known better, or it has gone on. */
		if (o->report.came > came || o->x.learnt > learnt)
			breaks = 0;
		came = o->report.came;
		learnt = o->x.learnt;
		/* Files that were half written cannot be continued. */
		if (o->state_read < 0 || breaks == BREAKS_MAX)
			break;
		report_note(&o->report, "%s; trying again", err->text);
		pause_ms((int64_t)BREAK_WAIT_MS << breaks);
		breaks++;
		report_begin(&o->report);
	}
	return r;
}

int
transfer_work(struct transfer_order *o, struct broker *b, const char *verb,
    int (*once)(struct transfer_order *o, struct err *err))
{
	struct err err = {.text = ""};
	int r;

	o->x = (struct transfer){.broker = b,
	    .report = &o->report,
	    .into = o->into,
	    .map = o->map,
	    .nmap = o->nmap,
	    .self = o->self,
	    .as_of = o->as_of / 1000,
	    .only = o->only,
	    .nonly = o->nonly};
	report_init(&o->report, b, verb);
	r = load_state(o, &err);
	if (r == RC_OK)
		r = run_until_done(o, once, &err);
	if (r != RC_OK)
		report_note(&o->report, "stopped: %s", err.text);
	report_end(&o->report, r == RC_OK);
	r = r == RC_OK && o->report.skipped == 0 ? EXIT_FINE : EXIT_FAILED;
	while (o->x.nbroken > 0)
		free(o->x.broken[--o->x.nbroken].folder);
	report_fini(&o->report);
	state_free(&o->state);
	buf_wipe(&o->server.password);
	return r;
}
