#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "backup/lost.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/io.h"
#include "base/log.h"
#include "base/plural.h"
#include "cmd/command/command.h"
#include "cmd/command/confine.h"
#include "queue/spool/record.h"
#include "store/fsck.h"

#define LOOKS	   3 /* at an account that is in use, before it is believed */
#define PAUSE_MS   200
#define SPOOL_NAME "the queue"

enum mode {
	MODE_CHECK,
	MODE_REBUILD,
	MODE_REPAIR
};

struct fsck_run {
	const struct conf *conf;
	enum mode mode;
	bool json;
	unsigned done; /* objects printed */
	const char *name;
};

/* What one account, or the queue, came to. */
struct outcome {
	const char *name;
	bool online;
	struct fsck_report before, after;
	struct fsck_repaired repaired;
	bool repair, rebuilt;
};

/* ---- words ---- */

/* Nothing in a name can give orders to a terminal. */
static const char *
plain(struct buf *b, const char *text)
{
	buf_reset(b);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		buf_addc(
		    b, *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)
			   ? '?'
			   : (char)*p);
	return b->p;
}

static const char *
level_name(enum audit_level level)
{
	switch (level) {
	case AUDIT_NOTE:
		return "note";
	case AUDIT_DERIVED:
		return "derived";
	case AUDIT_DAMAGE:
		return "damage";
	}
	return "";
}

static void
print_finding(const char *name, const struct fsck_finding *f, struct buf *b)
{
	printf("%s: %s: ", name, level_name(f->level));
	if (f->file[0] != '\0')
		printf("%s, byte %llu: ", f->file, (unsigned long long)f->off);
	puts(plain(b, f->text));
}

static void
print_report(const char *name, const struct fsck_report *r)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < r->n; i++)
		print_finding(name, &r->f[i], &b);
	buf_fini(&b);
	if (r->damage + r->derived + r->notes > r->n)
		printf("%s: and %llu more\n", name,
		    (unsigned long long)(r->damage + r->derived + r->notes -
					 r->n));
}

static void
print_repaired(const struct outcome *o)
{
	printf("%s: %llu message%s %s recovered, %llu of them into %s\n",
	    o->name, (unsigned long long)o->repaired.back,
	    plural(o->repaired.back), each(o->repaired.back, "was", "were"),
	    (unsigned long long)o->repaired.lost_found, FSCK_LOST_FOUND);
	if (o->repaired.unverified > 0)
		printf("%s: %llu of those %s in %s: no checksum confirms that "
		       "%s unchanged\n",
		    o->name, (unsigned long long)o->repaired.unverified,
		    each(o->repaired.unverified, "is", "are"), FSCK_UNVERIFIED,
		    each(o->repaired.unverified, "it is", "they are"));
	if (o->repaired.failed > 0)
		printf("%s: %llu message%s cannot be read and %s not "
		       "recovered; %s named above\n",
		    o->name, (unsigned long long)o->repaired.failed,
		    plural(o->repaired.failed),
		    each(o->repaired.failed, "was", "were"),
		    each(o->repaired.failed, "it is", "they are"));
}

static void
print_sum(const struct outcome *o)
{
	const struct fsck_report *r = o->repair ? &o->after : &o->before;
	uint64_t derived = o->rebuilt ? 0 : r->derived;

	if (strcmp(o->name, SPOOL_NAME) == 0)
		printf("%s: %llu message%s, including finished ones that are "
		       "still in the files",
		    o->name, (unsigned long long)r->messages,
		    plural(r->messages));
	else
		printf("%s: %llu message%s in %llu folder%s", o->name,
		    (unsigned long long)r->messages, plural(r->messages),
		    (unsigned long long)r->mailboxes, plural(r->mailboxes));
	printf(", %llu record%s in %llu segment%s, %.1f MB%s: ",
	    (unsigned long long)r->records, plural(r->records),
	    (unsigned long long)r->segments, plural(r->segments),
	    (double)r->bytes / 1e6, o->online ? " (in use)" : "");
	if (r->damage == 0 && (r->derived == 0 || o->rebuilt))
		puts("clean");
	else
		printf("%llu error%s%s, %llu derived file%s not match, "
		       "%llu unreadable message%s\n",
		    (unsigned long long)r->damage, plural(r->damage),
		    !o->repair ? "" : each(r->damage, " remains", " remain"),
		    (unsigned long long)derived,
		    each(derived, " that does", "s that do"),
		    (unsigned long long)r->unreadable, plural(r->unreadable));
	if (o->repair)
		print_repaired(o);
}

static json_t *
text_json(const char *text)
{
	json_t *j = json_string(text);
	struct buf b;

	if (j != NULL)
		return j;
	/* Not UTF-8: a damage has bitten a name. */
	buf_init(&b, 1 << 20);
	for (const char *p = text; *p != '\0'; p++)
		buf_addc(&b, ascii_is_print(*p) ? *p : '?');
	j = json_string(b.p);
	buf_fini(&b);
	return j;
}

static json_t *
findings_json(const struct fsck_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n; i++) {
		const struct fsck_finding *f = &r->f[i];
		json_t *x = json_object();

		json_object_set_new(
		    x, "level", text_json(level_name(f->level)));
		json_object_set_new(x, "file", text_json(f->file));
		json_object_set_new(
		    x, "offset", json_integer((json_int_t)f->off));
		json_object_set_new(
		    x, "bytes", json_integer((json_int_t)f->bytes));
		json_object_set_new(x, "text", text_json(f->text));
		json_array_append_new(list, x);
	}
	return list;
}

static void
print_json(const struct outcome *o)
{
	const struct fsck_report *r = o->repair ? &o->after : &o->before;
	const struct {
		const char *name;
		uint64_t v;
	} number[] = {
	    {"damage", r->damage},
	    {"derived", o->rebuilt ? 0 : r->derived},
	    {"notes", r->notes},
	    {"mailboxes", r->mailboxes},
	    {"messages", r->messages},
	    {"unreadable", r->unreadable},
	    {"segments", r->segments},
	    {"records", r->records},
	    {"bytes", r->bytes},
	    {"put_back", o->repaired.back},
	    {"lost_found", o->repaired.lost_found},
	    {"unverified", o->repaired.unverified},
	    {"not_put_back", o->repaired.failed},
	};
	char digest[2 * FSCK_DIGEST + 1];
	json_t *x = json_object();
	char *text;

	json_object_set_new(x, "name", text_json(o->name));
	json_object_set_new(x, "in_use", json_boolean(o->online));
	for (size_t i = 0; i < sizeof number / sizeof *number; i++)
		json_object_set_new(
		    x, number[i].name, json_integer((json_int_t)number[i].v));
	for (size_t i = 0; i < FSCK_DIGEST; i++)
		(void)snprintf(digest + 2 * i, 3, "%02x", r->digest[i]);
	json_object_set_new(x, "digest", json_string(digest));
	json_object_set_new(x, "findings", findings_json(&o->before));
	text = json_dumps(x, JSON_COMPACT);
	printf("%s", text != NULL ? text : "{}");
	free(text);
	json_decref(x);
}

/* ---- one account ---- */

static void
pause_a_moment(void)
{
	const struct timespec t = {0, PAUSE_MS * 1000000L};

	(void)nanosleep(&t, NULL);
}

/* What is being appended may look odd once, but not again. */
static int
look_online(struct outcome *o, struct err *err)
{
	const struct fsck_opts fo = {.online = true};
	int r = RC_OK;

	for (unsigned i = 0; i < LOOKS; i++) {
		if (i > 0)
			pause_a_moment();
		fsck_report_fini(&o->before);
		r = fsck_check(".", &fo, &o->before, err);
		if (r == RC_OK && o->before.damage + o->before.derived == 0)
			break;
	}
	return r;
}

static int
look(struct fsck_run *f, struct outcome *o, struct err *err)
{
	const struct fsck_opts fo = {.online = false};
	int r;

	switch (f->mode) {
	case MODE_REBUILD:
		o->rebuilt = true;
		return fsck_rebuild(".", &fo, &o->before, err);
	case MODE_REPAIR:
		o->repair = o->rebuilt = true;
		return fsck_repair(
		    ".", &fo, &o->before, &o->after, &o->repaired, err);
	case MODE_CHECK:
		break;
	}
	r = fsck_check(".", &fo, &o->before, err);
	if (r != RC_TEMP)
		return r;
	o->online = true;
	return look_online(o, err);
}

static int
conclude(struct fsck_run *f, struct outcome *o)
{
	const struct fsck_report *r = o->repair ? &o->after : &o->before;
	bool bad = r->damage > 0 || (r->derived > 0 && !o->rebuilt);

	if (f->json) {
		print_json(o);
	} else {
		print_report(o->name, &o->before);
		print_sum(o);
	}
	fsck_report_fini(&o->before);
	fsck_report_fini(&o->after);
	return bad ? EXIT_FAILED : EXIT_FINE;
}

static int
account_inside(void *arg)
{
	struct fsck_run *f = arg;
	struct outcome o = {.name = f->name};
	struct err err = {.text = ""};
	int r = look(f, &o, &err);

	if (r == RC_OK)
		return conclude(f, &o);
	/* What was found before it failed says why. */
	if (f->json)
		printf("{\"name\":\"%s\",\"failed\":true}", f->name);
	else
		print_report(f->name, &o.before);
	fsck_report_fini(&o.before);
	fsck_report_fini(&o.after);
	return command_fail("fsck", EXIT_FAILED, "%s: %s%s", f->name, err.text,
	    r == RC_TEMP ? "; stop the server first" : "");
}

/* ---- the queue ---- */

struct spool_look {
	struct outcome o;
	uint64_t *body; /* by rising number */
	size_t nbody, cap;
};

static void
spool_tell(void *arg, const struct audit_finding *f)
{
	struct fsck_report *r = &((struct spool_look *)arg)->o.before;

	r->damage += f->level == AUDIT_DAMAGE;
	r->derived += f->level == AUDIT_DERIVED;
	r->notes += f->level == AUDIT_NOTE;
	if (r->n == FSCK_FINDINGS)
		return;
	r->f = xgrow(r->f, &r->cap, r->n + 1, sizeof *r->f);
	r->f[r->n++] = (struct fsck_finding){
	    f->level, xstrdup(f->file), f->off, f->bytes, xstrdup(f->text)};
}

static bool
spool_has(const struct spool_look *l, uint64_t seq)
{
	for (size_t i = l->nbody; i-- > 0;)
		if (l->body[i] <= seq)
			return l->body[i] == seq;
	return false;
}

static void
spool_record(void *arg, const struct audit_record *r)
{
	struct spool_look *l = arg;
	struct audit_finding f = {.level = AUDIT_DAMAGE, .off = r->off};
	struct spool_item *it;

	if (!r->counts || !r->ok)
		return;
	if (r->h.flags & JOURNAL_NAMED) {
		l->body =
		    xgrow(l->body, &l->cap, l->nbody + 1, sizeof *l->body);
		l->body[l->nbody++] = r->h.seq;
		return;
	}
	if (r->h.type != RECORD_ITEM)
		return;
	l->o.before.messages++;
	it = xcalloc(1, sizeof *it);
	(void)snprintf(f.file, sizeof f.file, "log/%06u", r->segment);
	if (record_item_parse(r->payload, it) != RC_OK)
		(void)snprintf(f.text, sizeof f.text,
		    "message %llu is invalid, although its checksum matches",
		    (unsigned long long)r->h.seq);
	else if (!spool_has(l, it->body))
		(void)snprintf(f.text, sizeof f.text,
		    "the text of message %llu from <%.100s> is missing",
		    (unsigned long long)r->h.seq, it->sender);
	item_free(it);
	if (f.text[0] != '\0')
		spool_tell(l, &f);
}

static int
spool_look_once(struct spool_look *l, struct err *err)
{
	static const struct audit_ops ops = {spool_tell, spool_record};
	const struct journal_opts jo = {.kind = {'s', 'p', 'o', 'l'}};
	struct audit_sum sum;
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	fsck_report_fini(&l->o.before);
	l->nbody = 0;
	r = journal_audit(dirfd, &jo, 0, &ops, l, &sum, err);
	l->o.before.segments = sum.segments;
	l->o.before.records = sum.records;
	l->o.before.bytes = sum.bytes;
	io_close(&dirfd);
	return r;
}

static int
spool_inside(void *arg)
{
	struct fsck_run *f = arg;
	struct spool_look l = {.o.name = f->name};
	struct err err = {.text = ""};
	int r = RC_OK;

	for (unsigned i = 0; i < LOOKS; i++) {
		if (i > 0)
			pause_a_moment();
		r = spool_look_once(&l, &err);
		if (r == RC_OK && l.o.before.damage == 0)
			break;
	}
	free(l.body);
	if (r == RC_OK)
		return conclude(f, &l.o);
	return command_fail("fsck", EXIT_FAILED, "%s: %s", f->name, err.text);
}

/* ---- all of them ---- */

static int
one(struct fsck_run *f, const char *name, const char *folder, enum role role,
    int (*fn)(void *arg))
{
	f->name = name;
	if (f->json && f->done++ > 0)
		printf(",\n");
	return confined_run(f->conf, "fsck", folder, role, fn, f);
}

/* Without a log, but with a checkpoint, it is lost. */
static bool
has_mail(const struct fsck_run *f, const char *name)
{
	static const char *const witness[] = {"log", "state"};
	bool there = false;
	struct buf path;

	buf_init(&path, 4096);
	for (size_t i = 0; i < 2 && !there; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/accounts/%s/%s", f->conf->data, name,
		    witness[i]);
		there = access(path.p, F_OK) == 0;
	}
	buf_fini(&path);
	return there;
}

static int
account(struct fsck_run *f, const char *name)
{
	struct buf path;
	int code;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts/%s", f->conf->data, name);
	if (access(path.p, X_OK) != 0 && errno == EACCES)
		code = command_fail("fsck", EXIT_FAILED,
		    "%s cannot be read: %s", path.p, strerror(errno));
	else if (name[0] == '.' || strchr(name, '/') != NULL ||
		 !has_mail(f, name))
		code = command_fail("fsck", EXIT_FAILED,
		    "there is no mail for an account \"%s\" in %s/accounts",
		    name, f->conf->data);
	else
		code = one(f, name, path.p, ROLE_ACCOUNT, account_inside);
	buf_fini(&path);
	return code;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
print_lost(void *arg, const char *text)
{
	(void)arg;
	puts(text);
}

static int
everything(struct fsck_run *f)
{
	struct dirent **e = NULL;
	struct buf path;
	int code = EXIT_FINE, n;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts", f->conf->data);
	n = scandir(path.p, &e, NULL, by_name);
	if (n < 0)
		code = command_fail("fsck", EXIT_FAILED,
		    "%s cannot be read: %s", path.p, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (e[i]->d_name[0] != '.' &&
		    conf_account_by_name(f->conf, sv_str(e[i]->d_name)) >= 0 &&
		    has_mail(f, e[i]->d_name) &&
		    account(f, e[i]->d_name) != EXIT_FINE)
			code = EXIT_FAILED;
		free(e[i]);
	}
	free(e);
	if (!f->json && lost_each(f->conf, print_lost, NULL) > 0)
		code = EXIT_FAILED;
	buf_reset(&path);
	buf_addf(&path, "%s/spool", f->conf->data);
	if (access(path.p, F_OK) == 0 &&
	    one(f, SPOOL_NAME, path.p, ROLE_QUEUE, spool_inside) != EXIT_FINE)
		code = EXIT_FAILED;
	buf_fini(&path);
	return code;
}

static int
read_words(struct fsck_run *f, int argc, char **argv, int *named)
{
	bool rebuild = false, repair = false;
	const struct command_option options[] = {{"--json", .flag = &f->json},
	    {"--rebuild", .flag = &rebuild}, {"--repair", .flag = &repair}};
	const struct command_words words = {.command = "fsck",
	    .option = options,
	    .noption = sizeof options / sizeof options[0],
	    .what = "accounts",
	    .most = argc};
	int r = command_words(&words, argc, argv, named);

	if (r == EXIT_FINE && rebuild && repair)
		return command_misused(
		    "fsck", "--rebuild cannot be combined with --repair");
	f->mode = rebuild ? MODE_REBUILD : repair ? MODE_REPAIR : MODE_CHECK;
	return r;
}

int
cmd_fsck(const char *config, int argc, char **argv)
{
	struct fsck_run f = {.mode = MODE_CHECK};
	struct conf *conf;
	int named = 0, code = read_words(&f, argc, argv, &named);

	if (code != EXIT_FINE)
		return code;
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	/* What is found is printed for people, not logged. */
	log_setup("fsck", LOG_NOTHING);
	f.conf = conf;
	if (f.json)
		printf("[");
	for (int i = 1; i <= named; i++)
		if (account(&f, argv[i]) != EXIT_FINE)
			code = EXIT_FAILED;
	if (named == 0)
		code = everything(&f);
	if (f.json)
		printf("]\n");
	conf_free(&conf);
	return code;
}
