/* What was expunged: `undelete` brings it back, `purge` removes it for good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "cmd/commands.h"
#include "cmd/confine.h"
#include "mime/mime.h"
#include "store/store.h"

#define RESTORED   "Restored"
#define HEAD_BYTES 65536u
#define HOUR_MS	   (3600 * 1000ll)
#define DAYS_MAX   36500

#define UNDELETE_USAGE                                        \
	"usage: undelete ACCOUNT [--since 3d] [--from TEXT] " \
	"[--subject TEXT] [--apply]"
#define PURGE_USAGE "usage: purge ACCOUNT --message ID | --all-expunged"

struct work {
	const char *command;
	const struct conf *conf;
	const char *account;
	bool purge, apply, all;
	int64_t since_ms;
	const char *from, *subject, *message;

	struct store *st;
	struct store_grave *g;
	size_t n, cap;
	uint64_t bytes;
};

/* ---- which ---- */

/* Without its line ends and what a terminal could take for a command. */
static void
field(struct sv head, struct sv name, struct buf *out)
{
	bool in = false;

	buf_reset(out);
	while (head.n > 0) {
		struct sv line = sv_split(&head, '\n');

		if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) {
			if (!in)
				continue;
		} else {
			size_t colon = sv_chr(line, ':');

			if (in)
				break;
			in = colon < line.n &&
			     sv_ieq(sv_first(line, colon), name);
			if (!in)
				continue;
			line = sv_skip(line, colon + 1);
		}
		for (size_t i = 0; i < line.n; i++)
			if (ascii_is_print(line.p[i]))
				buf_addc(out, line.p[i]);
	}
}

static bool
contains(const struct buf *b, const char *what)
{
	struct sv w = sv_str(what);

	if (what == NULL || w.n == 0)
		return true;
	for (size_t i = 0; i + w.n <= b->n; i++)
		if (sv_ieq(sv_of(b->p + i, w.n), w))
			return true;
	return false;
}

static bool
is_named(const struct work *w, const struct store_expunged *e)
{
	char id[32];

	if (w->message == NULL)
		return true;
	(void)snprintf(id, sizeof id, "%u.%u", e->mailbox, e->msg.uid);
	return strcmp(id, w->message) == 0;
}

static bool
consider(void *arg, const struct store_expunged *e)
{
	struct work *w = arg;
	uint32_t n = e->msg.size < HEAD_BYTES ? e->msg.size : HEAD_BYTES;
	struct buf from, subject;
	char *head;
	char id[32];

	if (!is_named(w, e) ||
	    (w->since_ms > 0 && e->at < clk_now() - w->since_ms))
		return true;
	head = xmalloc(n + 1u);
	if (store_read(w->st, e->msg.body, 0, head, n) != RC_OK)
		n = 0;
	for (uint32_t i = 0; i + 3 < n; i++)
		if (memcmp(head + i, "\r\n\r\n", 4) == 0)
			n = i;
	buf_init(&from, HEAD_BYTES);
	buf_init(&subject, HEAD_BYTES);
	field(sv_of(head, n), SV("From"), &from);
	field(sv_of(head, n), SV("Subject"), &subject);
	if (contains(&from, w->from) && contains(&subject, w->subject)) {
		w->g = xgrow(w->g, &w->cap, w->n + 1, sizeof *w->g);
		w->g[w->n++] = (struct store_grave){e->mailbox, e->msg.uid};
		w->bytes += e->msg.size;
		(void)snprintf(id, sizeof id, "%u.%u", e->mailbox, e->msg.uid);
		printf("%-12s %-16s %8u %.40s  %.60s\n", id,
		    e->name != NULL ? e->name : "(deleted)", e->msg.size,
		    from.n > 0 ? from.p : "", subject.n > 0 ? subject.p : "");
	}
	buf_fini(&subject);
	buf_fini(&from);
	free(head);
	return true;
}

/* ---- what is done with them ---- */

/* Until nothing that was purged stands on the disk. */
static int
compact(struct store *st, uint64_t *freed)
{
	struct store_compact c = {.share = 0};
	struct journal_compacted done;
	int r;

	while ((r = store_compact(st, &c, &done)) == RC_OK)
		*freed +=
		    done.before > done.after ? done.before - done.after : 0;
	return r == RC_NOTFOUND ? RC_OK : r;
}

static int
act(struct work *w, struct err *err)
{
	uint64_t need = 0, freed = 0;
	size_t n = 0;
	int r;

	if (!w->purge && !w->apply) {
		printf("%zu messages, %llu bytes; --apply brings them back\n",
		    w->n, (unsigned long long)w->bytes);
		return RC_OK;
	}
	if (w->purge)
		r = store_purge(w->st, w->g, w->n, &n, &need, err);
	else
		r = store_undelete(w->st, w->g, w->n, RESTORED, &n, &need, err);
	if (r == RC_OK && store_flush(w->st, need) != RC_OK)
		r = err_set(err, RC_IO, "the disk refuses to write");
	if (r == RC_OK && w->purge) {
		r = compact(w->st, &freed);
		if (r != RC_OK)
			(void)err_set(err, r,
			    "they cannot come back, but their room was not "
			    "given back: %s",
			    rc_name(r));
	}
	if (r != RC_OK)
		return r;
	if (w->purge)
		printf("%zu messages, %llu bytes were removed for good; the "
		       "disk has %llu bytes back\n",
		    n, (unsigned long long)w->bytes, (unsigned long long)freed);
	else
		printf("%zu messages are in " RESTORED "\n", n);
	return RC_OK;
}

static int
inside(void *arg)
{
	struct work *w = arg;
	const struct store_opts o = {.retention_ms = w->conf->retention_ms};
	struct err err = {.text = ""};
	uint64_t need = 0;
	int r = store_open(".", &o, &w->st, &err);

	if (r == RC_OK) {
		store_expunged_each(w->st, consider, w, &need);
		r = act(w, &err);
	}
	store_close(&w->st);
	free(w->g);
	if (r == RC_OK)
		return EXIT_FINE;
	return command_fail(w->command, EXIT_FAILED, "%s: %s%s", w->account,
	    err.text, r == RC_TEMP ? "; stop the server first" : "");
}

/* ---- the command line ---- */

static bool
duration(const char *text, int64_t *out)
{
	struct sv s = sv_str(text);
	uint64_t v;

	if (s.n < 2 || (s.p[s.n - 1] != 'd' && s.p[s.n - 1] != 'h') ||
	    sv_to_u64(sv_first(s, s.n - 1), DAYS_MAX, &v) != RC_OK)
		return false;
	*out = (int64_t)v * (s.p[s.n - 1] == 'd' ? 24 : 1) * HOUR_MS;
	return true;
}

static bool
parse(struct work *w, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (a[0] != '-' && w->account == NULL) {
			w->account = a;
		} else if (w->purge && strcmp(a, "--all-expunged") == 0) {
			w->all = true;
		} else if (!w->purge && strcmp(a, "--apply") == 0) {
			w->apply = true;
		} else if (v == NULL) {
			return false;
		} else {
			i++;
			if (w->purge && strcmp(a, "--message") == 0)
				w->message = v;
			else if (!w->purge && strcmp(a, "--from") == 0)
				w->from = v;
			else if (!w->purge && strcmp(a, "--subject") == 0)
				w->subject = v;
			else if (w->purge || strcmp(a, "--since") != 0 ||
				 !duration(v, &w->since_ms))
				return false;
		}
	}
	return w->account != NULL &&
	       (!w->purge || w->all != (w->message != NULL));
}

static int
run(struct work *w, const char *config, int argc, char **argv)
{
	struct conf *conf;
	struct buf path;
	int code;

	if (!parse(w, argc, argv)) {
		fprintf(
		    stderr, "%s\n", w->purge ? PURGE_USAGE : UNDELETE_USAGE);
		return EXIT_USAGE;
	}
	conf = command_conf(config);
	if (conf == NULL)
		return EXIT_CONFIG;
	w->conf = conf;
	buf_init(&path, 4096);
	buf_addf(&path, "%s/accounts/%s/log", conf->data, w->account);
	if (w->account[0] == '.' || strchr(w->account, '/') != NULL ||
	    access(path.p, F_OK) != 0) {
		code = command_fail(w->command, EXIT_FAILED,
		    "there is no mail of an account \"%s\"", w->account);
	} else {
		buf_truncate(&path, path.n - strlen("/log"));
		code = confined_run(
		    conf, w->command, path.p, ROLE_ACCOUNT, inside, w);
	}
	buf_fini(&path);
	conf_free(&conf);
	return code;
}

int
cmd_undelete(const char *config, int argc, char **argv)
{
	struct work w = {.command = "undelete"};

	return run(&w, config, argc, argv);
}

int
cmd_purge(const char *config, int argc, char **argv)
{
	struct work w = {.command = "purge", .purge = true};

	return run(&w, config, argc, argv);
}
