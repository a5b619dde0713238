"""What languages look like: the scripts that belong to one, and the short words that are frequent in one."""

# ruff: noqa: E501, RUF001
from __future__ import annotations

# Scripts that one language writes, or that only a choice among few does. By the first words of a letter's Unicode name.
SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "GREEK": "el", "HEBREW": "he", "THAI": "th", "ARMENIAN": "hy",
    "GEORGIAN": "ka", "KHMER": "km", "LAO": "lo", "TAMIL": "ta", "TELUGU": "te", "BENGALI": "bn", "CJK": "zh",
}  # fmt: skip
# Short words that are frequent in one language and rare in the others.
COMMON = {
    "en": "the and of to is are was were that this it for with you your not have has be on at by from we our they can will i an as or which there what",
    "de": "der die das und ist nicht ein eine mit für auf den dem des zu von im wir sie ich sich auch wird sind oder wie bei nach aus werden kann bitte",
    "fr": "le la les et est des une un du pour pas que qui dans sur avec vous nous je il elle ce cette au aux ne sont plus votre être ou très",
    "es": "el la los las y es de que en un una no se por para con su del lo como más pero está son al le yo usted muy este esta",
    "it": "il lo la gli le e è di che un una non per con del della sono si da al alla nel più come questo questa ho ha anche ma i",
    "pt": "o a os as e é de que em um uma não se por para com do da no na seu sua mais como são está foi mas ao você muito este esta",
    "nl": "de het een en van is niet dat op te in voor met zijn aan we wij je ik ook er maar als bij uit worden kan naar deze dit of",
    "sv": "och att det är en ett som på för med av inte den till har jag vi om men var kan ni de så från eller du",
    "da": "og at det er en et som på for med af ikke den til har jeg vi om men var kan de så fra eller du der blev",
    "pl": "i w na nie się jest to że z do o jak ale po za przez od dla są był czy tak może ten jego oraz lub być",
    "cs": "a je v na se že to s z do o jak ale po za od pro jsou byl nebo tak může ten jeho která které být není",
    "tr": "ve bir bu için ile de da değil mi ne çok daha olarak gibi var olan ama en ben sen biz siz o kadar sonra",
    "fi": "ja on ei se että oli hän joka ovat mutta tai kun niin myös jos mitä tämä voi ole kanssa sekä en minä",
    "ru": "и в не на что с по это как но из за от для он она они мы вы я его к у же бы то или так если при",
    "uk": "і в не на що з по це як але із за від для він вона вони ми ви я його до у ж би та або так якщо при є",
    "ar": "في من على إلى أن هذا هذه التي الذي ما لا كان مع عن هو هي قد كل أو بعد غير",
    "fa": "و در به از که این است را با برای آن یک می شود هم تا بر یا های ها",
    "hi": "और के है में की को से का यह पर नहीं हैं एक कि भी था लिए तो कर हो",
}  # fmt: skip
