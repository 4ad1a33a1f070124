#include "imap/session/session_priv.h"

/*
 * append  = "APPEND" SP mailbox 1*append-message  [RFC 3502 6.3.11]
 * replace = "REPLACE" SP seq-number SP mailbox append-message  [RFC 8508 5]
 * append-message = [SP flag-list] [SP date-time] SP (literal / literal8)
 *
 * A message is put into a store_body as it comes, so a slow client holds no
 * thread and a large message no memory.  Nothing is in the mailbox before
 * the command's end; then all messages are, or none.
 */
struct append_msg {
	struct store_body *body;
	struct imap_flags flags;
	struct imap_date_time date; /* secs 0: none was given */
};

struct imap_append {
	const struct imap_verb *verb;
	struct sv tag, mailbox;
	bool uid;
	bool replace;	   /* REPLACE: of the message ... */
	uint32_t replaces; /* ... with this UID */
	struct append_msg *msg;
	size_t n, cap;
	uint64_t total; /* bytes of all messages */

	/* The message that is coming. */
	uint64_t left;
	char last;   /* the byte before */
	bool binary; /* a literal8: every byte is kept [RFC 3516 4.4] */
	bool nul;    /* in one that may have none */
	int rc;	     /* what went wrong: the rest is read and thrown away */
};

/* Also when it is known that the command fails, though more is to come. */
static void
free_bodies(struct imap_append *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		store_body_free(&a->msg[i].body);
}

void
imap_append_drop(struct imap_session *s)
{
	struct imap_append *a = s->append;

	if (a == NULL)
		return;
	free_bodies(a);
	s->append = NULL;
	s->mode = IMAP_MODE_COMMAND;
}

/* The frame's text goes away while the message comes: keep copies. */
static void
keep_flags(struct arena *arena, struct imap_flags *f)
{
	size_t i;

	for (i = 0; i < f->nkeyword; i++)
		f->keyword[i] = arena_dup(arena, f->keyword[i]);
}

/* [SP flag-list] [SP date-time] SP, up to where the literal begins */
static int
append_options(struct imap_in *in, struct append_msg *m)
{
	int r = imap_sp(in);

	if (r == RC_OK && imap_peek(in) == '(') {
		r = imap_flag_list(in, &m->flags);
		if (r == RC_OK)
			r = imap_sp(in);
	}
	if (r == RC_OK && imap_peek(in) == '"') {
		r = imap_date_time(in, &m->date);
		if (r == RC_OK)
			r = imap_sp(in);
	}
	if (r == RC_OK && in->s.n > 0)
		return imap_expected(in, "flags, a date or a literal");
	return r;
}

/* True if the message may come; else answers. */
static bool
may_come(struct imap_cmd *c, const struct imap_literal *lit,
    const struct append_msg *m, uint64_t total)
{
	struct store_flags flags;

	/* Some room for several messages in one command. */
	if (lit->size > c->s->lim.append ||
	    lit->size > 2 * c->s->lim.append - total) {
		imap_no(c, "[TOOBIG] Messages are limited to %llu bytes.",
		    (unsigned long long)c->s->lim.append);
		return false;
	}
	return imap_store_flags(c, &m->flags, &flags);
}

/* The quota, as far as it is known by now; of REPLACE only the difference
 * counts [RFC 8508 3.4], which the store looks at in the end. */
static bool
has_room(struct imap_cmd *c, const struct imap_literal *lit, uint64_t total)
{
	struct err err = {0};
	int r = store_room(c->s->store, total + lit->size, &err);

	if (r != RC_OK)
		imap_store_error(c, r, &err);
	return r == RC_OK;
}

static void
message_begin(struct imap_session *s, const struct append_msg *m,
    const struct imap_literal *lit)
{
	struct imap_append *a = s->append;

	a->msg =
	    arena_grow(&s->arena, a->msg, &a->cap, a->n + 1, sizeof *a->msg);
	a->msg[a->n] = *m;
	keep_flags(&s->arena, &a->msg[a->n].flags);
	if (a->rc == RC_OK && !a->nul)
		a->msg[a->n].body = store_body_new_bounded(s->store);
	a->n++;
	a->left = lit->size;
	a->total += lit->size;
	a->last = '\0';
	a->binary = lit->binary;
}

/* A further message [RFC 3502]. */
static enum imap_literal_use
next_message(struct imap_cmd *c, const struct imap_literal *lit)
{
	struct imap_append *a = c->s->append;
	struct append_msg m = {0};
	int r = imap_element(&c->in);

	if (a->replace)
		r = imap_expected(&c->in, "the end of the command");
	/* One counter for the whole command, whose text comes in pieces. */
	if (a->n >= c->s->lim.elements)
		r = RC_TOOBIG;
	if (r == RC_OK)
		r = append_options(&c->in, &m);
	if (r != RC_OK) {
		imap_syntax(c, r);
		return IMAP_LITERAL_REFUSED;
	}
	if (!may_come(c, lit, &m, a->total) || !has_room(c, lit, a->total))
		return IMAP_LITERAL_REFUSED;
	message_begin(c->s, &m, lit);
	return IMAP_LITERAL_STREAM;
}

/* Refused now, a message need not be sent at all. */
static bool
is_there(struct imap_cmd *c, struct sv mailbox)
{
	struct imap_session *s = c->s;
	struct store_status st;
	int r = RC_NOTFOUND;

	if (!store_restore_reserves(s->store, mailbox) &&
	    !imap_is_hidden(s, mailbox))
		r = store_status(s->store, mailbox.p, &st, &s->need);
	if (r == RC_NOTFOUND)
		imap_no_target(c, mailbox);
	else if (r != RC_OK)
		imap_store_error(c, r, NULL);
	return r == RC_OK;
}

/* Up to the literal, which may be the mailbox's name (RC_MORE). */
static int
append_head(struct imap_in *in, struct sv *mailbox, struct append_msg *m)
{
	int r = imap_sp(in);

	if (r == RC_OK && in->s.n == 0)
		return RC_MORE;
	if (r == RC_OK)
		r = imap_mailbox(in, mailbox);
	return r == RC_OK ? append_options(in, m) : r;
}

static struct imap_append *
append_begin(struct imap_cmd *c, struct sv mailbox)
{
	struct imap_session *s = c->s;
	struct imap_append *a = arena_alloc(&s->arena, sizeof *a);

	a->verb = c->verb;
	a->uid = c->uid;
	a->tag = arena_dup(&s->arena, c->tag);
	a->mailbox = arena_dup(&s->arena, mailbox);
	s->append = a;
	s->mode = IMAP_MODE_APPEND;
	return a;
}

enum imap_literal_use
imap_append_literal(struct imap_cmd *c, const struct imap_literal *lit)
{
	struct append_msg m = {0};
	struct sv name;
	int r;

	if (c->s->append != NULL)
		return next_message(c, lit);
	r = append_head(&c->in, &name, &m);
	if (r == RC_MORE)
		return IMAP_LITERAL_TEXT;
	if (r != RC_OK) {
		imap_syntax(c, r);
		return IMAP_LITERAL_REFUSED;
	}
	if (!is_there(c, name) || !may_come(c, lit, &m, 0) ||
	    !has_room(c, lit, 0))
		return IMAP_LITERAL_REFUSED;
	(void)append_begin(c, name);
	message_begin(c->s, &m, lit);
	return IMAP_LITERAL_STREAM;
}

/* The message that REPLACE takes out; false after having answered. */
static bool
find_replaced(struct imap_cmd *c, const struct imap_set *set, uint32_t *uid)
{
	struct imap_session *s = c->s;
	struct rangeset seqnos = RANGESET_EMPTY;
	bool ok = imap_resolve(c, set, &seqnos);

	if (ok && seqnos.n == 0) {
		imap_no(c, "[NONEXISTENT] There is no such message.");
		ok = false;
	}
	if (ok)
		*uid = view_uid(s->view, seqnos.r[0].lo);
	rangeset_fini(&seqnos);
	if (ok && s->readonly)
		imap_no(c, "[READ-ONLY] The mailbox is open read-only.");
	return ok && !s->readonly;
}

enum imap_literal_use
imap_replace_literal(struct imap_cmd *c, const struct imap_literal *lit)
{
	struct append_msg m = {0};
	struct imap_append *a;
	struct imap_set set;
	struct sv name;
	uint32_t uid;
	int r;

	if (c->s->append != NULL)
		return next_message(c, lit);
	r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_seq_number(&c->in, &set);
	if (r == RC_OK)
		r = append_head(&c->in, &name, &m);
	if (r == RC_MORE)
		return IMAP_LITERAL_TEXT;
	if (r != RC_OK) {
		imap_syntax(c, r);
		return IMAP_LITERAL_REFUSED;
	}
	if (!find_replaced(c, &set, &uid) || !is_there(c, name) ||
	    !may_come(c, lit, &m, 0))
		return IMAP_LITERAL_REFUSED;
	a = append_begin(c, name);
	a->replace = true;
	a->replaces = uid;
	message_begin(c->s, &m, lit);
	return IMAP_LITERAL_STREAM;
}

/* An APPEND without a message. */
void
imap_cmd_append(struct imap_cmd *c)
{
	imap_bad(c, "Expected a mailbox and a message as a literal.");
}

void
imap_cmd_replace(struct imap_cmd *c)
{
	imap_bad(c, "Expected a message number, a mailbox and a message as a "
		    "literal.");
}

/* ---- the message's bytes ---- */

/*
 * Bare LF becomes CRLF, before the size is taken: what the client will read
 * back has the line ends that RFC 5322 demands.
 */
static int
add_lines(struct imap_append *a, struct store_body *b, struct sv in)
{
	int r = RC_OK;

	while (r == RC_OK && in.n > 0) {
		size_t n = sv_chr(in, '\n');

		/* Runs of good lines go in one piece. */
		while (n < in.n && n > 0 && in.p[n - 1] == '\r')
			n += 1 + sv_chr(sv_skip(in, n + 1), '\n');
		if (n == in.n || (n == 0 && a->last == '\r')) {
			n = n == in.n ? n : 1;
			r = store_body_add(b, in.p, n);
			a->last = in.p[n - 1];
			in = sv_skip(in, n);
			continue;
		}
		r = store_body_add(b, in.p, n);
		if (r == RC_OK)
			r = store_body_add(b, "\r\n", 2);
		a->last = '\n';
		in = sv_skip(in, n + 1);
	}
	return r;
}

int
imap_append_input(struct imap_session *s)
{
	struct imap_append *a = s->append;
	struct store_body *b = a->msg[a->n - 1].body;
	struct sv in = stream_input(s->st);

	if (a->left == 0)
		return RC_EOF;
	if (in.n == 0)
		return RC_MORE;
	if (in.n > a->left)
		in.n = (size_t)a->left;
	if (!a->binary && memchr(in.p, '\0', in.n) != NULL)
		a->nul = true;
	if (a->rc == RC_OK && !a->nul)
		a->rc = a->binary ? store_body_add(b, in.p, in.n)
				  : add_lines(a, b, in);
	if (a->rc == RC_OK && !a->nul && store_body_size(b) > s->lim.append)
		a->rc = RC_TOOBIG;
	if (a->rc != RC_OK || a->nul)
		free_bodies(a);
	a->left -= in.n;
	stream_consume(s->st, in.n);
	return RC_OK;
}

/* ---- the end ---- */

static int
add_all(struct imap_session *s, struct rangeset *uids, uint32_t *uidvalidity,
    struct err *err)
{
	struct imap_append *a = s->append;
	struct store_add *add = arena_array(&s->arena, a->n, sizeof *add);
	struct store_added *added = arena_array(&s->arena, a->n, sizeof *added);
	struct store_body **body = arena_array(&s->arena, a->n, sizeof *body);
	size_t i;
	int r;

	for (i = 0; i < a->n; i++) {
		struct append_msg *m = &a->msg[i];

		add[i] = (struct store_add){
		    .mailbox = a->mailbox.p,
		    .flags = {m->flags.system, m->flags.keyword,
			m->flags.nkeyword},
		    .internal_date = m->date.secs,
		    .zone = m->date.zone,
		    .replaces_in = a->replace ? s->view : NULL,
		    .replaces = a->replaces,
		};
		body[i] = m->body;
		m->body = NULL;
	}
	r = store_add_all(s->store, body, add, a->n, added, &s->need, err);
	for (i = 0; r == RC_OK && i < a->n; i++) {
		rangeset_add(uids, added[i].uid, added[i].uid);
		*uidvalidity = added[i].uidvalidity;
	}
	if (r == RC_OK && s->watch.arg != NULL)
		s->watch.appended(s->watch.arg, a->mailbox.p, uids);
	return r;
}

static void
appended(struct imap_cmd *c, uint32_t uidvalidity, const struct rangeset *uids)
{
	struct imap_session *s = c->s;

	buf_reset(&s->scratch);
	rangeset_print(uids, &s->scratch);
	if (!s->append->replace) {
		imap_ok(c, "[APPENDUID %u %s] Appended.", uidvalidity,
		    s->scratch.p);
		return;
	}
	/* Before the EXPUNGE, so untagged [RFC 8508 4.3]. */
	stream_printf(s->st, "* OK [APPENDUID %u %s] Replaced by this.\r\n",
	    uidvalidity, s->scratch.p);
	imap_sync(s, true);
	imap_ok(c, "%sReplaced.", imap_modseq_code(s));
}

static void
commit(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct rangeset uids = RANGESET_EMPTY;
	uint32_t uidvalidity = 0;
	struct err err = {0};
	int r = add_all(s, &uids, &uidvalidity, &err);

	if (r == RC_NOTFOUND)
		imap_no_target(c, s->append->mailbox);
	else if (r == RC_PERM)
		imap_no(c, "[EXPUNGEISSUED] The message has been expunged.");
	else if (r != RC_OK)
		imap_store_error(c, r, &err);
	else
		appended(c, uidvalidity, &uids);
	rangeset_fini(&uids);
}

void
imap_append_cmd(struct imap_session *s, struct sv text, struct imap_cmd *out)
{
	*out = (struct imap_cmd){.s = s,
	    .verb = s->append->verb,
	    .tag = s->append->tag,
	    .uid = s->append->uid};
	imap_in_init(&out->in, text, &s->lim, &s->arena);
	out->in.utf8 = s->rev2;
}

void
imap_append_command(struct imap_session *s)
{
	struct imap_append *a = s->append;
	struct imap_cmd c;

	imap_append_cmd(s, SV(""), &c);
	if (s->frame.text.n > 0)
		imap_bad(&c, "Expected the end of the command.");
	else if (a->nul)
		/* Of content, not of the command's syntax: a program that
		 * copies many messages goes on with the next. */
		imap_no(&c, "[CANNOT] A message with a NUL has to be sent as "
			    "a literal8.");
	else if (a->rc == RC_TOOBIG)
		imap_no(&c, "[TOOBIG] Messages are limited to %llu bytes.",
		    (unsigned long long)s->lim.append);
	else if (a->rc != RC_OK)
		imap_store_error(&c, a->rc, NULL);
	else
		commit(&c);
	imap_append_drop(s);
	imap_command_finish(&c);
}

void
imap_append_toolong(struct imap_session *s)
{
	struct imap_cmd c;

	imap_append_cmd(s, SV(""), &c);
	imap_bad(&c, "[LIMIT] The command is too long.");
	imap_append_drop(s);
	imap_command_finish(&c);
}
