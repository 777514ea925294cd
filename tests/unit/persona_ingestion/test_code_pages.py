"""A paragraph in a single-byte code page is read as it was written, in every language that the page was made for."""

from __future__ import annotations

import io

import pytest

from tasks.persona_ingestion.reading.text_encoding import detect_encoding

FRENCH = """\
« Où est-il passé ? » demanda sa mère. « Je n'en sais rien », répondit le garçon. Sa sœur, le cœur serré, \
regardait l'œuvre du peintre. Le dîner coûtait vingt francs. Il était déjà tard, et la forêt paraissait très \
éloignée ; à Noël, maman revint de l'hôpital, plus pâle qu'un spectre, et mon frère aîné reçut une pièce de \
théâtre.\n"""
GERMAN = """\
Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch; die Vöglein schweigen im Walde. Der \
alte Müller saß vor der Tür und erzählte den Kindern ein Märchen von einem König, der seine größten Schätze in \
einer Höhle verbarg und sie niemals wiederfand, so sehr er auch suchte.\n"""
ITALIAN = """\
Quel ramo del lago di Como, che volge a mezzogiorno, tra due catene non interrotte di monti, tutto a seni e a \
golfi, vien quasi a un tratto a ristringersi. Perché non c'è più nessuno? La città è già buia, e però la virtù \
non può morire così: lunedì tornerà, e sarà un'altra età.\n"""
SPANISH = """\
En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de los de \
lanza en astillero. ¿Qué pasó mañana con el niño? ¡Nadie lo sabía! El pingüino soñó que volaría algún día sobre \
el jardín, y así amaneció.\n"""
SWEDISH = """\
Det var en kall morgon i mars när den gamle fiskaren gick ner till sjön. Båten låg där han hade lämnat den, men \
åran var borta. Han satte sig på en sten och väntade på att någon skulle komma. Fåglarna flög över vattnet, och \
långt borta hördes klockor från kyrkan på ön.\n"""
POLISH = """\
Litwo! Ojczyzno moja! ty jesteś jak zdrowie; ile cię trzeba cenić, ten tylko się dowie, kto cię stracił. Dziś \
piękność twą w całej ozdobie widzę i opisuję, bo tęsknię po tobie. Panno święta, co jasnej bronisz Częstochowy i \
w Ostrej świecisz Bramie! Wrócił wieczorem, źle się czuł.\n"""
CZECH = """\
Byl pozdní večer, první máj, večerní máj, byl lásky čas. Hrdliččin zval ku lásce hlas, kde borový zaváněl háj. O \
lásce šeptal tichý mech, květoucí strom lhal lásky žel, svou lásku slavík růži pěl, růžinu jevil vonný vzdech. \
Žádný člověk už tudy nešel.\n"""
HUNGARIAN = """\
Hazádnak rendületlenűl légy híve, oh magyar; bölcsőd az s majdan sírod is, mely ápol s eltakar. A nagy világon e \
kívűl nincsen számodra hely; áldjon vagy verjen sors keze: itt élned, halnod kell. Az öregember az ajtó előtt \
ült, és a tűzről mesélt a gyerekeknek.\n"""
ROMANIAN = """\
Şi dacă ramuri bat în geam şi se cutremur plopii, e ca în minte să te am şi-ncet să te apropii. Şi dacă stele \
bat în lac adâncu-i luminându-l, e ca durerea mea s-o-mpac înseninându-mi gândul. Şi dacă norii deşi se duc de \
iese în luciu luna, e ca aminte să-mi aduc de tine-ntotdeauna.\n"""
CROATIAN = """\
Djevojčica je žurno trčala kroz šumu, a već se bio spustio mrak. Čula je kako netko pjeva, ali nije znala tko. \
Starac je sjedio pred kućom i pričao o mladosti, kad je još mogao nositi teške vreće žita do mlina. Sljedeće \
jutro pao je snijeg i sve je utihnulo, čak i ptice.\n"""
LITHUANIAN = """\
Vakar vakare nuėjome į mišką pažiūrėti mėnulio. Buvo jau vėlu, o kelias ilgas. Žmonės šnekėjo apie ąžuolą, kuris \
stovėjo prie upės. Senelis sėdėjo prie krosnies ir pasakojo, kaip jaunystėje jodinėjo žirgais per laukus. Rytą \
pasnigo, ir vaikai džiaugėsi.\n"""
LATVIAN = """\
Vakar vakarā mēs gājām uz mežu skatīties mēnesi. Bija jau vēls, un ceļš bija garš. Vecais zvejnieks sēdēja pie \
durvīm un stāstīja bērniem par jūru, kas tajā naktī bija ļoti mierīga. Viņš nekad nebija redzējis tādu klusumu, \
un arī putni pēkšņi apklusa, it kā gaidīdami.\n"""
ESTONIAN = """\
Eile õhtul läksime metsa kuud vaatama. Oli juba hilja ja tee oli pikk. Vana kalur istus ukse ees ja rääkis \
lastele merest, mis oli sel ööl väga vaikne. Ta polnud kunagi näinud säärast rahu, ja linnudki jäid äkki vait, \
nagu ootaksid nad midagi. Žanr ja šokolaad on võõrad sõnad.\n"""
TURKISH = """\
Bir varmış, bir yokmuş. Evvel zaman içinde, kalbur saman içinde, uzak bir ülkede yaşlı bir padişah yaşarmış. Bu \
padişahın üç oğlu varmış. En büyüğü güçlü, ortancası akıllı, en küçüğü ise yürekliymiş. İstanbul'da hava kâh \
sıcak, kâh soğukmuş; günlerden bir gün padişah hastalanmış.\n"""
GREEK = """\
Χθες το βράδυ πήγαμε στο δάσος για να δούμε το φεγγάρι. Ήταν ήδη αργά και ο δρόμος ήταν μακρύς. Ο γέροντας \
Κωνσταντίνος καθόταν μπροστά στην πόρτα του σπιτιού του και κοίταζε τη θάλασσα, που ήταν ήσυχη σαν λάδι. Άλλοι \
έλεγαν πως απ' το νησί δεν γύρισε κανείς.\n"""
RUSSIAN = """\
Я помню чудное мгновенье: передо мной явилась ты, как мимолетное виденье, как гений чистой красоты. Старый рыбак \
вышел рано утром на лодке. Ветер дул с севера, и волны были высоки. Он вернулся без рыбы, но с улыбкой, которую \
никогда никому не объяснил. ГЛАВА ПЕРВАЯ.\n"""
UKRAINIAN = """\
Як умру, то поховайте мене на могилі серед степу широкого на Вкраїні милій, щоб лани широкополі, і Дніпро, і \
кручі було видно, було чути, як реве ревучий. Її батько їхав ганком і нічого не казав, бо ще зранку знав, що \
ніхто не повернеться до їхньої хати.\n"""
BULGARIAN = """\
Старият рибар излезе рано сутринта с лодката си. Вятърът духаше от север и вълните бяха високи. Той се върна без \
риба, но с усмивка, която никога не обясни на никого. Вечерта децата седяха край огъня и слушаха как дядо им \
разказва за младостта си в планината.\n"""
SERBIAN = """\
Стари рибар је изашао рано ујутру у чамцу. Ветар је дувао са севера, а таласи су били високи. Вратио се без \
рибе, али са осмехом који никада никоме није објаснио. Људи су ћутали, а његова кћи је чекала крај врата и \
гледала у мрак док није свануло.\n"""
HEBREW = """\
אתמול בערב הלכנו ליער כדי לראות את הירח. היה כבר מאוחר והדרך היתה ארוכה מאוד. הזקן ישב לפני הדלת וסיפר לילדים על \
הים, שהיה שקט באותו לילה כמו שמן. הוא מעולם לא ראה שקט כזה, וגם הציפורים נדמו פתאום, כאילו חיכו לדבר מה שלא בא.\n"""
ARABIC = """\
ذهبنا مساء أمس إلى الغابة لنرى القمر. كان الوقت متأخرا والطريق طويلا. جلس الشيخ أمام الباب وحدث الأطفال عن البحر \
الذي كان هادئا في تلك الليلة مثل الزيت. لم ير في حياته سكونا كهذا، وحتى الطيور صمتت فجأة كأنها تنتظر شيئا لا \
يأتي.\n"""
MIXED = """\
Être ou ne pas être, voilà la question, répondit-elle à l'évêque. Über allen Gipfeln ist Ruh, sagte der Müller \
und saß vor der Tür. ¿Qué pasó mañana con el niño? Não há visão do mar, nem coração. På ön hördes klockor från \
kyrkan. Perché non c'è più nessuno nella città?\n"""

PAGES = {
    "french": (FRENCH, "cp1252 iso8859_15"),
    "german": (GERMAN, "cp1252 iso8859_1 iso8859_15 cp1250 iso8859_2"),
    "italian": (ITALIAN, "cp1252 iso8859_1 iso8859_15"),
    "spanish": (SPANISH, "cp1252 iso8859_1 iso8859_15"),
    "swedish": (SWEDISH, "cp1252 iso8859_1 iso8859_15"),
    "several western languages": (MIXED, "cp1252 iso8859_1 iso8859_15"),
    "polish": (POLISH, "cp1250 iso8859_2"),
    "czech": (CZECH, "cp1250 iso8859_2"),
    "hungarian": (HUNGARIAN, "cp1250 iso8859_2"),
    "romanian": (ROMANIAN, "cp1250 iso8859_2"),
    "croatian": (CROATIAN, "cp1250 iso8859_2"),
    "lithuanian": (LITHUANIAN, "cp1257 iso8859_13"),
    "latvian": (LATVIAN, "cp1257 iso8859_13"),
    "estonian": (ESTONIAN, "cp1257 iso8859_13 cp1252 iso8859_15"),
    "turkish": (TURKISH, "cp1254 iso8859_9"),
    "greek": (GREEK, "cp1253 iso8859_7"),
    "russian": (RUSSIAN, "cp1251 koi8_r iso8859_5 cp866"),
    "ukrainian": (UKRAINIAN, "cp1251 koi8_u iso8859_5"),
    "bulgarian": (BULGARIAN, "cp1251 koi8_r iso8859_5 cp866"),
    "serbian": (SERBIAN, "cp1251 iso8859_5"),
    "hebrew": (HEBREW, "cp1255 iso8859_8"),
    "arabic": (ARABIC, "cp1256 iso8859_6"),
}


@pytest.mark.parametrize(
    ("language", "page"), [(language, page) for language, (_, pages) in PAGES.items() for page in pages.split()]
)
@pytest.mark.parametrize("times", [1, 12, 300])
def test_a_paragraph_reads_the_same_whatever_page_it_was_written_in(language: str, page: str, times: int) -> None:
    text = PAGES[language][0]
    content = text.encode(page) * times
    assert content.decode(detect_encoding(io.BytesIO(content))) == text * times
