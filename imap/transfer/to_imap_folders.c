/* Which mailbox of the server a folder's messages go into. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/transfer/to_imap.h"
#include "imap/transfer/usual.h"

#define FOLDERS_MAX  20000
#define INBOX_PREFIX SV("INBOX/")
/* Uses that a person has one mailbox for. */
#define OWN_USES                                              \
	(IMAP_LIST_DRAFTS | IMAP_LIST_SENT | IMAP_LIST_JUNK | \
	    IMAP_LIST_TRASH | IMAP_LIST_ARCHIVE)
#define VIRTUAL_USES (IMAP_LIST_ALL | IMAP_LIST_FLAGGED)

static bool
has_prefix(const struct to_imap *t, struct sv name)
{
	return t->prefix.n > 0 && name.n > t->prefix.n &&
	       sv_istarts(name, buf_sv(&t->prefix));
}

/* The server's delimiter for ours, and its prefix before all but INBOX
 * [RFC 2342 5].  A delimiter inside a level would make two of it. */
static void
translate(const struct to_imap *t, struct sv name, struct buf *out)
{
	char d = t->delimiter;
	size_t i, level = 0;

	if (!sv_eq(name, SV("INBOX")) && !has_prefix(t, name))
		level = t->prefix.n;
	for (i = 0; i < level + name.n; i++) {
		char c = i < level ? t->prefix.p[i] : name.p[i - level];

		if (c == '/')
			c = d != '\0' ? d : '_';
		else if (c == d && d != '\0')
			c = '_';
		buf_addc(out, c);
	}
}

void
to_imap_put_name(struct to_imap *t, struct sv name, struct buf *out)
{
	struct buf b;

	buf_init(&b, name.n + t->prefix.n + 1);
	translate(t, name, &b);
	imap_put_mailbox(out, buf_sv(&b), false);
	buf_fini(&b);
}

/* Names that are not held themselves: a server may have any number of them, of
 * any length. */
static void
name_key(struct sv name, struct state_key *out)
{
	state_key_make(out, "mailbox", &name, 1);
}

static bool
exists(const struct to_imap *t, struct sv name)
{
	struct state_key k;

	name_key(name, &k);
	return state_set_has(&t->there, &k);
}

static const struct to_folder *
find_use(const struct to_imap *t, unsigned use)
{
	size_t i;

	for (i = 0; i < t->nspecial; i++)
		if ((t->special[i].uses & use) != 0)
			return &t->special[i];
	return NULL;
}

static void
add_folder(struct to_imap *t, struct sv name, unsigned uses)
{
	struct state_key k;
	unsigned known = 0;
	size_t i;

	name_key(name, &k);
	(void)state_set_add(&t->there, &k);
	for (i = 0; i < t->nspecial; i++)
		known |= t->special[i].uses;
	if ((uses & ~known) == 0)
		return;
	must(t->nspecial < TO_IMAP_USES); /* each has a use of its own */
	t->special[t->nspecial++] = (struct to_folder){sv_dup(name), uses};
}

/* What it is usually called, if the server has no uses. */
static void
note_usual(struct to_imap *t, struct sv name)
{
	unsigned use = usual_use(name);
	size_t i = 0;

	if (use == 0 || t->c == t->x->own)
		return;
	while (i < t->nusual && t->usual[i].uses != use)
		i++;
	if (i == t->nusual && i < TO_IMAP_USES)
		t->usual[t->nusual++] = (struct to_folder){sv_dup(name), use};
}

static void
on_namespace(void *arg, const struct imap_response *r)
{
	struct to_imap *t = arg;

	if (r->kind != IMAP_RESPONSE_NAMESPACE || r->list.name.n == 0 ||
	    r->list.delimiter == '\0')
		return;
	buf_set(&t->prefix, r->list.name);
	t->delimiter = r->list.delimiter;
}

static void
on_list(void *arg, const struct imap_response *r)
{
	struct to_imap *t = arg;
	struct sv name = r->list.name;

	if (r->kind != IMAP_RESPONSE_LIST || t->there.n >= FOLDERS_MAX)
		return;
	if (r->list.delimiter != '\0')
		t->delimiter = r->list.delimiter;
	if (has_prefix(t, name))
		name = sv_skip(name, t->prefix.n);
	/* No name that is longer is ever asked for. */
	if (sv_istarts(name, INBOX_PREFIX))
		t->below_inbox = true;
	else if (!transfer_same_name(name, SV("INBOX")))
		t->beside_inbox = true;
	if ((r->list.attributes & IMAP_LIST_NOSELECT) != 0 || name.n == 0 ||
	    name.n > TRANSFER_PATH_MAX)
		return;
	add_folder(t, name, r->list.attributes & IMAP_LIST_USES);
	note_usual(t, name);
}

/* What the server said no to, but not what ends the connection. */
static bool
is_refused(const struct to_imap *t, int r)
{
	return r == RC_PERM || (r == RC_SYNTAX && imap_client_usable(t->c));
}

/* The delimiter also of a server that has no folder with a level. */
static int
ask_delimiter(struct to_imap *t, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_list, .arg = t};
	int r = RC_OK;

	if (t->delimiter == '\0')
		r = imap_client_command(t->c, &ops, SV("LIST \"\" \"\""), err);
	return is_refused(t, r) ? RC_OK : r;
}

static int
list_all(struct to_imap *t, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_list, .arg = t};
	int r = RC_PERM;

	if (imap_client_can(t->c, SV("LIST-EXTENDED")) &&
	    imap_client_can(t->c, SV("SPECIAL-USE")))
		r = imap_client_command(t->c, &ops,
		    SV("LIST \"\" \"*\" RETURN (SPECIAL-USE)"), err);
	if (is_refused(t, r))
		r = imap_client_command(t->c, &ops, SV("LIST \"\" \"*\""), err);
	return r;
}

/* May "INBOX." be the prefix of all that is ours?  Some servers want it, and do
 * not say so. */
static bool
may_want_prefix(const struct to_imap *t)
{
	return t->prefix.n == 0 && t->delimiter != '\0' && !t->beside_inbox &&
	       t->c != t->x->own && !imap_client_can(t->c, SV("NAMESPACE"));
}

static void
forget_folders(struct to_imap *t)
{
	state_set_fini(&t->there);
	while (t->nspecial > 0)
		free(t->special[--t->nspecial].name);
	while (t->nusual > 0)
		free(t->usual[--t->nusual].name);
}

int
to_imap_list(struct to_imap *t, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_namespace, .arg = t};
	bool has_uses;
	size_t i;
	int r = RC_OK;

	if (imap_client_can(t->c, SV("NAMESPACE")))
		r = imap_client_command(t->c, &ops, SV("NAMESPACE"), err);
	if (r != RC_OK && !is_refused(t, r))
		return r;
	r = list_all(t, err);
	if (r == RC_OK && t->below_inbox && may_want_prefix(t)) {
		forget_folders(t);
		buf_set(&t->prefix, INBOX_PREFIX);
		r = list_all(t, err);
	}
	has_uses = t->nspecial > 0;
	for (i = 0; i < t->nusual && !has_uses; i++)
		add_folder(t, sv_str(t->usual[i].name), t->usual[i].uses);
	return r == RC_OK ? ask_delimiter(t, err) : r;
}

static void
on_status(void *arg, const struct imap_response *r)
{
	struct to_imap *t = arg;

	if (r->kind != IMAP_RESPONSE_STATUS)
		return;
	t->uidvalidity = r->status.uidvalidity;
	t->uidnext = r->status.uidnext;
}

int
to_imap_status(struct to_imap *t, struct sv name, struct err *err)
{
	const struct imap_client_ops ops = {.response = on_status, .arg = t};
	struct buf b;
	int r;

	t->uidvalidity = t->uidnext = 0;
	t->uidnext_known = false;
	buf_init(&b, 16384);
	buf_adds(&b, "STATUS ");
	to_imap_put_name(t, name, &b);
	buf_adds(&b, " (UIDNEXT UIDVALIDITY)");
	r = imap_client_command(t->c, &ops, buf_sv(&b), err);
	buf_fini(&b);
	if (r == RC_OK && (t->uidvalidity == 0 || t->uidnext == 0))
		r = err_set(err, RC_SYNTAX,
		    "the server does not say UIDVALIDITY and UIDNEXT");
	t->uidnext_known = r == RC_OK;
	return r;
}

/* ---- choosing ---- */

/* By --map: FOLDER, and what is left of the name behind NAME. */
static bool
choose_mapped(struct to_imap *t, struct sv name)
{
	size_t i;

	for (i = 0; i < t->x->nmap; i++) {
		struct sv to = sv_str(t->x->map[i]), from = sv_split(&to, '=');
		struct sv rest = sv_skip(name, from.n);

		if (!transfer_same_name(sv_first(name, from.n), from) ||
		    (rest.n > 0 && rest.p[0] != '/'))
			continue;
		buf_addsv(&t->dest, to);
		buf_addsv(&t->dest, rest);
		return true;
	}
	return false;
}

/* The first level of a name. */
static struct sv
level_of(struct sv name)
{
	return sv_split(&name, '/');
}

/* "Sent Items" that is \Sent goes into what is \Sent here. */
static void
choose(struct to_imap *t, const struct transfer_folder *f)
{
	unsigned use = f->uses & OWN_USES;
	const struct to_folder *own = use != 0 ? find_use(t, use) : NULL;

	buf_reset(&t->dest);
	if (choose_mapped(t, f->name))
		return;
	if (t->x->into != NULL) {
		buf_adds(&t->dest, t->x->into);
		if (sv_eq(f->name, SV("INBOX")))
			return;
		buf_addc(&t->dest, '/');
		buf_addsv(&t->dest, f->name);
	} else if (own != NULL) {
		buf_adds(&t->dest, own->name);
	} else {
		utf8_repair(&t->dest, f->name);
		if (transfer_same_name(level_of(buf_sv(&t->dest)), SV("INBOX")))
			memcpy(t->dest.p, "INBOX", 5);
	}
}

static int
command_name(
    struct to_imap *t, const char *verb, const char *more, struct err *err)
{
	struct buf b;
	int r;

	buf_init(&b, 16384);
	buf_adds(&b, verb);
	buf_addc(&b, ' ');
	to_imap_put_name(t, buf_sv(&t->dest), &b);
	buf_adds(&b, more);
	r = imap_client_command(t->c, NULL, buf_sv(&b), err);
	buf_fini(&b);
	return r;
}

static int
create(struct to_imap *t, const struct transfer_folder *f, struct err *err)
{
	unsigned uses = f->uses & OWN_USES;
	static const struct {
		unsigned use;
		const char *words;
	} how[] = {
	    {IMAP_LIST_DRAFTS, " (USE (\\Drafts))"},
	    {IMAP_LIST_SENT, " (USE (\\Sent))"},
	    {IMAP_LIST_JUNK, " (USE (\\Junk))"},
	    {IMAP_LIST_TRASH, " (USE (\\Trash))"},
	    {IMAP_LIST_ARCHIVE, " (USE (\\Archive))"},
	};
	const char *words = "";
	size_t i;
	int r;

	for (i = 0; i < sizeof how / sizeof how[0]; i++)
		if ((uses & how[i].use) != 0 && t->x->into == NULL &&
		    imap_client_can(t->c, SV("CREATE-SPECIAL-USE")))
			words = how[i].words;
	r = command_name(t, "CREATE", words, err);
	if (is_refused(t, r) && words[0] != '\0')
		r = command_name(t, "CREATE", "", err);
	if (r != RC_OK)
		return r;
	add_folder(t, buf_sv(&t->dest), words[0] != '\0' ? uses : 0);
	if (f->unsubscribed)
		return RC_OK;
	/* So that mail programs show it.  Not worth a failure. */
	r = command_name(t, "SUBSCRIBE", "", err);
	return is_refused(t, r) ? RC_OK : r;
}

static bool
has_control(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]))
			return true;
	return false;
}

/* Two folders here whose names are one there: that is said. */
static void
note_name(struct to_imap *t, struct sv from)
{
	struct sv rest = buf_sv(&t->taken);
	struct buf line;

	buf_init(&line, 4 * TRANSFER_PATH_MAX);
	translate(t, buf_sv(&t->dest), &line);
	while (rest.n > 0) {
		struct sv other = sv_split(&rest, '\n');
		struct sv there = sv_split(&other, '\t');

		if (!sv_eq(there, buf_sv(&line)))
			continue;
		if (!sv_eq(other, from))
			report_note(t->x->report,
			    "%.*s and %.*s go into the same folder: %s",
			    SV_ARG(other), SV_ARG(from), line.p);
		buf_fini(&line);
		return;
	}
	buf_addc(&line, '\t');
	buf_addsv(&line, from);
	buf_addc(&line, '\n');
	if (line.n <= t->taken.max - t->taken.n)
		buf_addsv(&t->taken, buf_sv(&line));
	buf_fini(&line);
}

/* The mailbox that is dest, made if need be.  *why: what CREATE was told. */
static int
reach(struct to_imap *t, const struct transfer_folder *f, struct err *why,
    struct err *err)
{
	int r = RC_OK;

	if (!exists(t, buf_sv(&t->dest)))
		r = create(t, f, err);
	/* "It exists" is a refusal, too: some names are written otherwise. */
	if (is_refused(t, r))
		*why = *err;
	if (r == RC_OK || is_refused(t, r))
		r = to_imap_status(t, buf_sv(&t->dest), err);
	return r;
}

/* Servers that keep folders as those of a disk refuse more than they say.
 * False: the name has nothing that they might not like. */
static bool
make_plain(struct buf *name)
{
	bool changed = false;
	size_t i;

	for (i = 0; i < name->n; i++)
		if (memchr(".~*%\\#&\":|?<>", name->p[i], 14) != NULL) {
			name->p[i] = '_';
			changed = true;
		}
	return changed;
}

static int
reach_below_inbox(
    struct to_imap *t, const struct transfer_folder *f, struct err *err)
{
	struct err why;
	int r;

	buf_set(&t->prefix, INBOX_PREFIX);
	r = reach(t, f, &why, err);
	if (is_refused(t, r))
		buf_reset(&t->prefix);
	return r;
}

int
to_imap_folder(void *arg, const struct transfer_folder *f, struct err *err)
{
	struct to_imap *t = arg;
	struct err why = {.text = ""};
	uint32_t before;
	int r = RC_OK;

	buf_set(&t->source, f->name);
	t->virtual = (f->uses & VIRTUAL_USES) != 0;
	choose(t, f);
	if (!buf_ok(&t->dest) || !buf_ok(&t->source)) {
		report_skip(t->x->report, f->name, "its name is too long");
		return RC_DENIED;
	}
	/* They would be lines of their own in the state. */
	if (has_control(buf_sv(&t->dest))) {
		report_skip(
		    t->x->report, f->name, "its name has control characters");
		return RC_DENIED;
	}
	r = reach(t, f, &why, err);
	if (is_refused(t, r) && may_want_prefix(t) &&
	    !sv_eq(level_of(buf_sv(&t->dest)), SV("INBOX")))
		r = reach_below_inbox(t, f, err);
	if (is_refused(t, r) && make_plain(&t->dest)) {
		struct err again;

		r = reach(t, f, &again, err);
	}
	if (is_refused(t, r)) {
		report_skip(t->x->report, f->name,
		    why.text[0] != '\0' ? why.text : err->text);
		return RC_DENIED;
	}
	if (r == RC_OK)
		note_name(t, f->name);
	before = state_uidvalidity(t->state, buf_sv(&t->dest));
	if (r == RC_OK && before != 0 && before != t->uidvalidity)
		report_note(t->x->report,
		    "%s is not the mailbox that an earlier run filled; what "
		    "was copied then is not copied again without --again",
		    t->dest.p);
	return r;
}
