#include "imap/session/session_priv.h"

/*
 * [RFC 9208]: an account has one quota root, "", of all of its mailboxes, and
 * none if it has no quota.  Only the configuration sets quotas.
 */

/* "* QUOTA "" (STORAGE 10 512)", in units of 1024 bytes: what is used is
 * rounded up, so that it reaches the limit when nothing more fits. */
static void
tell_quota(struct imap_session *s, const struct store_usage *u)
{
	stream_printf(s->st, "* QUOTA \"\" (STORAGE %llu %llu)\r\n",
	    (unsigned long long)((u->bytes + 1023) / 1024),
	    (unsigned long long)(u->quota / 1024));
}

/* getquota = "GETQUOTA" SP quota-root-name */
void
imap_cmd_getquota(struct imap_cmd *c)
{
	struct store_usage u;
	struct sv root;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_astring(&c->in, &root);
	if (!imap_arguments_end(c, r))
		return;
	store_usage(c->s->store, &u, &c->s->need);
	if (root.n > 0 || u.quota == 0) {
		imap_no(c, "[NONEXISTENT] There is no such quota root.");
		return;
	}
	tell_quota(c->s, &u);
	imap_ok(c, "Quota returned.");
}

/* getquotaroot = "GETQUOTAROOT" SP mailbox, which need not be there */
void
imap_cmd_getquotaroot(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct store_usage u;
	struct sv name;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_mailbox(&c->in, &name);
	if (!imap_arguments_end(c, r))
		return;
	store_usage(s->store, &u, &s->need);
	buf_reset(&s->scratch);
	buf_adds(&s->scratch, "* QUOTAROOT ");
	imap_put_mailbox(&s->scratch, name, s->rev2);
	buf_adds(&s->scratch, u.quota != 0 ? " \"\"\r\n" : "\r\n");
	stream_putsv(s->st, buf_sv(&s->scratch));
	if (u.quota != 0)
		tell_quota(s, &u);
	imap_ok(c, "Quota roots returned.");
}

/*
 * setquota      = "SETQUOTA" SP quota-root-name SP setquota-list
 * setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"
 * setquota-resource = resource-name SP resource-limit
 */
void
imap_cmd_setquota(struct imap_cmd *c)
{
	struct sv root, name;
	uint64_t limit;
	int r = imap_sp(&c->in);

	if (r == RC_OK)
		r = imap_astring(&c->in, &root);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_ch(&c->in, '(');
	while (r == RC_OK && imap_peek(&c->in) != ')') {
		r = imap_element(&c->in);
		if (r == RC_OK)
			r = imap_atom(&c->in, &name);
		if (r == RC_OK)
			r = imap_sp(&c->in);
		if (r == RC_OK)
			r = imap_number64(&c->in, &limit);
		if (r == RC_OK && !imap_take(&c->in, ' '))
			break;
	}
	if (r == RC_OK)
		r = imap_ch(&c->in, ')');
	if (imap_arguments_end(c, r))
		imap_no(c, "[NOPERM] Quotas are set in the configuration.");
}
