#include "imap/transfer/usual.h"

#include "imap/client/response.h"
#include "mail/folder.h"
#include "mail/names.h"

static const struct mail_names inboxes[] = {
    MAIL_NAMES(1, "INBOX", "Posteingang", "Boîte de réception", "Recibidos",
	"Bandeja de entrada", "Caixa de entrada", "Posta in arrivo",
	"In arrivo", "Postvak IN", "Inkorg", "Inkorgen", "Innboks", "Indbakke",
	"Saapuneet", "Odebrane", "Skrzynka odbiorcza", "Doručená pošta",
	"Входящие", "Gelen Kutusu"),
};

static const struct mail_names labels[] = {
    MAIL_NAMES(LABEL_READ, "Opened", "Read", "Geöffnet", "Gelesen", "Ouvert",
	"Ouverts", "Lu", "Lus", "Abierto", "Abiertos", "Leído", "Leídos",
	"Aberto", "Abertos", "Lido", "Lidos", "Aperto", "Aperti", "Già letto",
	"Letto", "Letti", "Da leggere (aperto)", "Geopend", "Gelezen", "Öppnat",
	"Öppnade", "Läst", "Åpnet", "Åbnet", "Avattu", "Otwarte", "Otevřené",
	"Otevřeno", "Открытые", "Прочитанные", "Açıldı", "Açılanlar"),
    MAIL_NAMES(LABEL_UNREAD, "Unread", "Ungelesen", "Non lu", "Non lus",
	"No leído", "No leídos", "Não lido", "Não lidos", "Não lidas",
	"Non letto", "Non letti", "Da leggere", "Ongelezen", "Oläst", "Olästa",
	"Ulest", "Uleste", "Ulæst", "Ulæste", "Lukematta", "Lukemattomat",
	"Nieprzeczytane", "Nepřečtené", "Непрочитанные", "Okunmamış",
	"Okunmayanlar", "No llegit", "No llegits"),
    MAIL_NAMES(LABEL_STARRED, "Starred", "Markiert", "Mit Stern markiert",
	"Gekennzeichnet", "Suivi", "Suivis", "Messages suivis", "Destacado",
	"Destacados", "Con estrella", "Com estrela", "Marcado com estrela",
	"Speciali", "Speciale", "Con stella", "Met ster", "Met ster gemarkeerd",
	"Stjärnmärkt", "Stjärnmärkta", "Stjernemerket", "Stjernemarkeret",
	"Tähdellä merkityt", "Oznaczone gwiazdką", "S hvězdičkou", "Помеченные",
	"Yıldızlı", "Destacats"),
    MAIL_NAMES(LABEL_ARCHIVED, "Archived", "All Mail", "Archiviert", "Archivé",
	"Archivés", "Archivado", "Archivados", "Arquivado", "Arquivados",
	"Arquivada", "Archiviato", "Archiviati", "Archiviata", "Gearchiveerd",
	"Arkiverat", "Arkiverade", "Arkivert", "Arkiveret", "Arkistoitu",
	"Arkistoidut", "Zarchiwizowane", "Archivováno", "Archivované",
	"Архивированные", "Arşivlendi", "Arxivats"),
    MAIL_NAMES(LABEL_OTHER, "Important", "Wichtig", "Importants", "Importante",
	"Importantes", "Importanti", "Belangrijk", "Viktigt", "Viktig",
	"Vigtigt", "Vigtig", "Tärkeää", "Tärkeä", "Ważne", "Důležité", "Важное",
	"Önemli", "Chat", "Chats", "Muted", "Snoozed", "Ignoriert",
	"Zurückgestellt", "Scheduled", "Geplant"),
};

/* Gmail's tabs: "Category Updates", "Kategorie: Werbung". */
static const char *const categories[] = {"Category ", "Kategorie ",
    "Kategorie: ", "Kategorie:", "Catégorie ",
    "Catégorie : ", "Catégorie: ", "Categoría ", "Categoría: ", "Categoria ",
    "Categoria: ", "Categorie ", "Categorie: ", "Kategori ",
    "Kategori: ", "Category: ", "Luokka ", "Категория ", "IMAP_"};

unsigned
usual_use(struct sv name)
{
	static const unsigned use[MAIL_FOLDERS] = {
	    [MAIL_FOLDER_SENT] = IMAP_LIST_SENT,
	    [MAIL_FOLDER_DRAFTS] = IMAP_LIST_DRAFTS,
	    [MAIL_FOLDER_JUNK] = IMAP_LIST_JUNK,
	    [MAIL_FOLDER_BULK] = IMAP_LIST_JUNK,
	    [MAIL_FOLDER_TRASH] = IMAP_LIST_TRASH,
	    [MAIL_FOLDER_ARCHIVE] = IMAP_LIST_ARCHIVE,
	};

	return use[mail_folder_usual(name)];
}

bool
usual_inbox(struct sv name)
{
	return MAIL_NAMES_FIND(inboxes, name) != 0;
}

enum usual_label
usual_label(struct sv label)
{
	size_t i;

	if (usual_inbox(label))
		return LABEL_INBOX;
	/* "Archivé" says that it was put away, not a name. */
	i = MAIL_NAMES_FIND(labels, label);
	if (i != 0)
		return (enum usual_label)i;
	if (usual_use(label) != 0)
		return LABEL_USE;
	for (i = 0; i < sizeof categories / sizeof categories[0]; i++)
		if (sv_istarts(label, sv_str(categories[i])))
			return LABEL_OTHER;
	return LABEL_OWN;
}
