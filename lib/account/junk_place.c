#include "account/junk_place.h"

#include <string.h>

#include "mail/folder.h"

static unsigned
place_of_use(unsigned use)
{
	return ((use & STORE_USE_JUNK) != 0 ? PLACE_JUNK : 0) |
	       ((use & STORE_USE_TRASH) != 0 ? PLACE_TRASH : 0) |
	       ((use & STORE_USE_DRAFTS) != 0 ? PLACE_OWN | PLACE_DRAFTS : 0) |
	       ((use & STORE_USE_SENT) != 0 ? PLACE_OWN : 0);
}

static unsigned
place_of_name(struct sv name)
{
	static const unsigned place[MAIL_FOLDERS] = {
	    [MAIL_FOLDER_SENT] = PLACE_OWN,
	    [MAIL_FOLDER_DRAFTS] = PLACE_OWN | PLACE_DRAFTS,
	    [MAIL_FOLDER_JUNK] = PLACE_JUNK,
	    [MAIL_FOLDER_BULK] = PLACE_DOUBT,
	    [MAIL_FOLDER_TRASH] = PLACE_TRASH,
	};

	return place[mail_folder_usual(name)];
}

static bool
is_below(struct sv name, struct sv above)
{
	return name.n > above.n && name.p[above.n] == '/' &&
	       sv_starts(name, above);
}

unsigned
junk_place(const struct store_mailbox_list *all, const struct store_mailbox *m)
{
	unsigned p = m->in_restore ? PLACE_RESTORE : 0;
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->m[i].id == m->id ||
		    is_below(sv_str(m->name), sv_str(all->m[i].name)))
			p |= all->m[i].use != STORE_USE_NONE
				 ? place_of_use(all->m[i].use)
				 : place_of_name(sv_str(all->m[i].name));
	return p;
}

const struct store_mailbox *
junk_mailbox_by_id(const struct store_mailbox_list *all, uint32_t id)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->m[i].exists && all->m[i].id == id)
			return &all->m[i];
	return NULL;
}

/* The first level of INBOX has no case, as in the store. */
static size_t
inbox_level(struct sv name)
{
	size_t n = sv_chr(name, '/');

	return sv_ieq(sv_first(name, n), SV("INBOX")) ? n : 0;
}

const struct store_mailbox *
junk_mailbox_by_name(const struct store_mailbox_list *all, const char *name)
{
	size_t i, n = inbox_level(sv_str(name));

	for (i = 0; i < all->n; i++)
		if (all->m[i].exists &&
		    inbox_level(sv_str(all->m[i].name)) == n &&
		    strcmp(all->m[i].name + n, name + n) == 0)
			return &all->m[i];
	return NULL;
}

const struct store_mailbox *
junk_mailbox(const struct store_mailbox_list *all)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->m[i].exists && (all->m[i].use & STORE_USE_JUNK) != 0 &&
		    !all->m[i].in_restore)
			return &all->m[i];
	return NULL;
}
