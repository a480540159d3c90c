# A declaration without layout, for the two files beside this one.

function tidy(text) {
    gsub(/[ \t\n]+/, " ", text)
    gsub(/ ?\* ?/, "*", text)
    gsub(/ ?, ?/, ",", text)
    gsub(/ ?\( ?/, "(", text)
    gsub(/ ?\) ?/, ")", text)
    return text
}
