#include "imap/session/session_priv.h"

#include "imap/parse/capability.h"

void
imap_cmd_capability(struct imap_cmd *c)
{
	if (!imap_arguments_end(c, RC_OK))
		return;
	stream_puts(c->s->st, "* CAPABILITY " IMAP_CAPABILITIES "\r\n");
	imap_ok(c, "Capabilities listed.");
}

void
imap_cmd_noop(struct imap_cmd *c)
{
	if (imap_arguments_end(c, RC_OK))
		imap_ok(c, "Nothing to do.");
}

/* [RFC 3501 6.4.1]: everything is on the disk already when it is said. */
void
imap_cmd_check(struct imap_cmd *c)
{
	if (imap_arguments_end(c, RC_OK))
		imap_ok(c, "All changes are on disk.");
}

void
imap_cmd_logout(struct imap_cmd *c)
{
	if (!imap_arguments_end(c, RC_OK))
		return;
	imap_deselect(c->s);
	imap_bye(c->s, "Logging out.");
	imap_ok(c, "Logged out.");
}

/* The commands of the state before login. */
void
imap_cmd_logged_in(struct imap_cmd *c)
{
	imap_bad(c, "You are already logged in.");
}

void
imap_cmd_id(struct imap_cmd *c)
{
	int r = imap_id(&c->in);

	if (r != RC_OK) {
		imap_syntax(c, r);
		return;
	}
	stream_puts(c->s->st, "* ID (\"name\" \"Hearthmail\")\r\n");
	imap_ok(c, "Pleased to meet you.");
}

/*
 * enable = "ENABLE" 1*(SP capability)  [RFC 5161 4]
 * What is unknown is ignored.  The response names what was not enabled
 * before.  QRESYNC brings CONDSTORE with it [RFC 7162 3.2.3].
 */
void
imap_cmd_enable(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	bool rev2 = false, condstore = false, qresync = false;
	struct sv name;
	int r;

	do {
		r = imap_sp(&c->in);
		if (r == RC_OK)
			r = imap_element(&c->in);
		if (r == RC_OK)
			r = imap_atom(&c->in, &name);
		if (r == RC_OK && sv_ieq(name, SV("IMAP4rev2")))
			rev2 = true;
		if (r == RC_OK && sv_ieq(name, SV("CONDSTORE")))
			condstore = true;
		if (r == RC_OK && sv_ieq(name, SV("QRESYNC")))
			qresync = true;
	} while (r == RC_OK && c->in.s.n > 0);
	if (r != RC_OK) {
		imap_syntax(c, r);
		return;
	}
	rev2 = rev2 && !s->rev2;
	condstore = condstore && !s->condstore;
	qresync = qresync && !s->qresync;
	stream_printf(s->st, "* ENABLED%s%s%s\r\n", rev2 ? " IMAP4rev2" : "",
	    condstore ? " CONDSTORE" : "", qresync ? " QRESYNC" : "");
	s->rev2 = s->rev2 || rev2;
	s->qresync = s->qresync || qresync;
	if (condstore || qresync)
		imap_condstore(s);
	imap_ok(c, rev2 || condstore || qresync ? "Enabled."
						: "Nothing new to enable.");
}

/* [RFC 2342 5]: one personal namespace; and what was expunged, where it stands
 * apart: programs that look for other namespaces find it there. */
void
imap_cmd_namespace(struct imap_cmd *c)
{
	if (!imap_arguments_end(c, RC_OK))
		return;
	stream_printf(c->s->st, "* NAMESPACE ((\"\" \"/\")) NIL %s\r\n",
	    !c->s->local && store_restore_apart(c->s->store)
		? "((\"" STORE_RESTORE "/\" \"/\"))"
		: "NIL");
	imap_ok(c, "Namespaces listed.");
}
