#include "imap/session/session_priv.h"

#include "base/nfc.h"
#include "base/utf8.h"

/* SP mailbox and no more; false after having answered. */
static bool
one_mailbox(struct imap_cmd *c, struct sv *name)
{
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, name);
	return imap_arguments_end(c, r);
}

/* The name as a C string, without a "/" at the end: that only says that
 * there will be mailboxes below [RFC 3501 6.3.3]. */
static const char *
without_slash(struct imap_cmd *c, struct sv name)
{
	if (name.n > 1 && name.p[name.n - 1] == '/')
		name.n--;
	return arena_dup(c->in.arena, name).p;
}

/*
 * May a mailbox be called so from now on?  IMAP4rev2 has names in Net-Unicode
 * only [RFC 9051 5.1, RFC 5198 2]: in form C, without controls and without
 * the separators of lines and paragraphs.  Older names, and those that
 * IMAP4rev1 makes, are left as they are.  False after having answered.
 */
static bool
may_be_new(struct imap_cmd *c, struct sv name)
{
	bool ok = !c->in.utf8 || nfc_is(name);
	uint32_t cp;

	while (c->in.utf8 && ok && name.n > 0)
		ok = utf8_next(&name, &cp) == RC_OK &&
		     (cp < 0x80 || cp > 0x9f) && cp != 0x2028 && cp != 0x2029;
	if (!ok)
		imap_no(c, "[CANNOT] The name is not Net-Unicode (form C, "
			   "no control characters).");
	return ok;
}

/*
 * create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"  [RFC 6154 6]
 * behind "(".
 */
static int
create_use(struct imap_in *in, unsigned *out)
{
	static const struct {
		struct sv name;
		enum store_use use;
	} row[] = {
	    {{"Drafts", 6}, STORE_USE_DRAFTS},
	    {{"Sent", 4}, STORE_USE_SENT},
	    {{"Junk", 4}, STORE_USE_JUNK},
	    {{"Trash", 5}, STORE_USE_TRASH},
	    {{"Archive", 7}, STORE_USE_ARCHIVE},
	};
	struct sv name;
	size_t i;
	int r;

	*out = STORE_USE_NONE;
	if (!imap_take_word(in, SV("USE")) || !imap_take(in, ' ') ||
	    !imap_take(in, '('))
		return imap_expected(in, "USE (...)");
	while (!imap_take(in, ')')) {
		(void)imap_take(in, ' ');
		r = imap_element(in);
		if (r != RC_OK)
			return r;
		if (!imap_take(in, '\\') || imap_atom(in, &name) != RC_OK)
			return imap_expected(in, "a special use");
		for (i = 0; i < sizeof row / sizeof row[0]; i++)
			if (sv_ieq(name, row[i].name))
				break;
		/* \All and \Flagged are views, which we do not make. */
		if (i == sizeof row / sizeof row[0])
			return RC_NOSUPPORT;
		*out |= (unsigned)row[i].use;
	}
	return imap_ch(in, ')');
}

/* [RFC 8474 4.1] */
static void
created(struct imap_cmd *c, const char *name)
{
	struct imap_session *s = c->s;
	struct store_status st;

	if (store_status(s->store, name, &st, &s->need) != RC_OK) {
		imap_ok(c, "Mailbox created, but another session has already "
			   "deleted it.");
		return;
	}
	buf_reset(&s->scratch);
	imap_put_mailboxid(&s->scratch, st.epoch, st.id);
	imap_ok(c, "[MAILBOXID (%s)] Mailbox created.", s->scratch.p);
}

void
imap_cmd_create(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	unsigned use = STORE_USE_NONE;
	struct err err = {0};
	struct sv name;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, &name);
	if (r == RC_OK && imap_take(&c->in, ' ')) {
		r = imap_ch(&c->in, '(');
		if (r == RC_OK)
			r = create_use(&c->in, &use);
	}
	if (r == RC_OK)
		r = imap_end(&c->in);
	if (r == RC_NOSUPPORT) {
		imap_no(c, "[USEATTR] That special use is not supported.");
		return;
	}
	if (r != RC_OK) {
		imap_syntax(c, r);
		return;
	}
	if (!may_be_new(c, name))
		return;
	r = store_mailbox_create(
	    s->store, without_slash(c, name), use, &s->need, &err);
	if (r != RC_OK) {
		imap_store_error(c, r, &err);
		return;
	}
	/* It has got another name [RFC 9051 6.3.4]. */
	if (s->rev2 && sv_istarts(name, SV("INBOX/")) &&
	    !sv_starts(name, SV("INBOX/")))
		imap_tell_mailbox(s, sv_str(without_slash(c, name)), SV(""));
	created(c, without_slash(c, name));
}

void
imap_cmd_delete(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct err err = {0};
	struct sv name;
	int r;

	if (!one_mailbox(c, &name))
		return;
	r = store_mailbox_delete(s->store, name.p, &s->need, &err);
	if (r == RC_DENIED && s->rev2 && !sv_eq(name, SV("INBOX"))) {
		imap_no(c, "[HASCHILDREN] Delete the mailboxes below it "
			   "first.");
		return;
	}
	if (r != RC_OK) {
		imap_store_error(c, r, &err);
		return;
	}
	/* Who deletes what is selected there knows it: no BYE. */
	if (s->view != NULL && view_gone(s->view))
		imap_deselect(s);
	imap_ok(c, "Mailbox deleted.");
}

/* rename = "RENAME" SP mailbox SP mailbox */
void
imap_cmd_rename(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct err err = {0};
	struct sv from, to;
	const char *name;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, &from);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_mailbox(&c->in, &to);
	if (!imap_arguments_end(c, r))
		return;
	if (!may_be_new(c, to))
		return;
	name = without_slash(c, to);
	r = store_mailbox_rename(s->store, from.p, name, &s->need, &err);
	if (r != RC_OK) {
		imap_store_error(c, r, &err);
		return;
	}
	/* INBOX stays, empty: nothing has got another name. */
	if (s->rev2 && !sv_eq(from, SV("INBOX")))
		imap_tell_mailbox(s, sv_str(name), from);
	imap_ok(c, "Mailbox renamed.");
}

static void
subscribe(struct imap_cmd *c, bool on)
{
	struct imap_session *s = c->s;
	struct err err = {0};
	struct sv name;
	int r;

	if (!one_mailbox(c, &name))
		return;
	r = store_mailbox_subscribe(
	    s->store, without_slash(c, name), on, &s->need, &err);
	if (r != RC_OK)
		imap_store_error(c, r, &err);
	else
		imap_ok(c, on ? "Subscribed." : "Unsubscribed.");
}

void
imap_cmd_subscribe(struct imap_cmd *c)
{
	subscribe(c, true);
}

void
imap_cmd_unsubscribe(struct imap_cmd *c)
{
	subscribe(c, false);
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
void
imap_cmd_status(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct store_status st;
	unsigned bits = 0;
	struct sv name;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, &name);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_status_atts(&c->in, &bits);
	if (!imap_arguments_end(c, r))
		return;
	if (!imap_status_allowed(c, bits))
		return;
	r = RC_NOTFOUND;
	if (!imap_is_hidden(s, name))
		r = store_status(s->store, name.p, &st, &s->need);
	if (r != RC_OK) {
		imap_store_error(c, r, NULL);
		return;
	}
	imap_tell_status(s, name, bits, &st);
	imap_ok(c, "Mailbox status returned.");
}
