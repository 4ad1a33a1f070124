/*
 * May a message that came in be passed on to another server?  What leaves goes
 * in our name: junk and forgeries stay here.  So does mail that the next server
 * is sure to refuse: SPF does not survive the way, so where the author's domain
 * asks others to reject what it has not confirmed, its signature must hold.
 * Pure.
 */
#ifndef MSGAUTH_ONWARD_H
#define MSGAUTH_ONWARD_H

#include "msgauth/check.h"

enum onward {
	ONWARD_SEND,
	ONWARD_KEEP,   /* it is bad: nobody need hear of it */
	ONWARD_REFUSED /* it is good, and would be refused */
};

/* r: NULL, it was not judged (it comes from this machine).  junk: it goes into
 * the folder for junk; vouched: by a sealer whom the owner trusts, or by
 * coming through a mailing list that is known here. */
enum onward onward_decide(
    const struct check_result *r, bool junk, bool vouched);
/*
 * Is the envelope's sender who it says it is?  Only then is it told that
 * something failed: else a stranger would be, who has sent nothing.  Only SPF
 * speaks for the envelope; a signature does not, for who has one signed message
 * can send it again with any sender of its domain.
 */
bool onward_sender_known(const struct check_result *r);

#endif
