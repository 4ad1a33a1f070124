/*
 * What the server can do, in one place for both halves: before login
 * imap/front adds how to log in.
 */
#ifndef IMAP_PARSE_CAPABILITY_H
#define IMAP_PARSE_CAPABILITY_H

#define IMAP_CAPABILITIES                                                \
	"IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS " \
	"MOVE UNSELECT CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE "  \
	"CREATE-SPECIAL-USE ESEARCH SEARCHRES STATUS=SIZE BINARY "       \
	"MULTIAPPEND CONDSTORE QRESYNC OBJECTID SAVEDATE REPLACE QUOTA " \
	"QUOTA=RES-STORAGE "                                             \
	"APPENDLIMIT=67108864"

/*
 * An attribute of ours in LIST [RFC 9051 9, flag-extension]: expunged mail
 * that is shown for a while.  So that another Hearthmail which imports from
 * this one knows it from a mailbox of that name; ID is not to be used for
 * such things [RFC 2971 3].
 */
#define IMAP_LIST_RESTORE "\\HearthmailRestore"

/* The number in APPENDLIMIT [RFC 7889]. */
#define IMAP_APPEND_LIMIT 67108864

#endif
