/* What a person does is told to who wants to learn of it (struct imap_watch).
 */
#include "imap/session/session_priv.h"

void
imap_watch_marked(
    struct imap_session *s, const struct rangeset *seqnos, enum imap_mark mark)
{
	struct rangeset uids = RANGESET_EMPTY;
	struct view_info info;
	uint32_t seqno, at = 1;

	if (s->watch.arg == NULL)
		return;
	for (; rangeset_next(seqnos, at, &seqno); at = seqno + 1)
		rangeset_add(
		    &uids, view_uid(s->view, seqno), view_uid(s->view, seqno));
	view_info(s->view, &info, &s->need);
	s->watch.marked(s->watch.arg, info.id, &uids, mark);
	rangeset_fini(&uids);
}

void
imap_watch_moved(
    struct imap_session *s, const char *to, const struct rangeset *uids)
{
	struct view_info info;

	if (s->watch.arg == NULL || uids->n == 0)
		return;
	view_info(s->view, &info, &s->need);
	s->watch.moved(s->watch.arg, info.id, to, uids);
}
