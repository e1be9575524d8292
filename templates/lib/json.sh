# json: JSON from text, with awk and tr alone. Text is ASCII in the end: any byte above 126 becomes "?".

# json_string: prints stdin as one JSON string, without the last newline.
# shellcheck disable=SC2329 # not every script calls it
json_string() {
  tr -d '\000-\010\013\014\016-\037' | tr '\177-\377' '?' | awk '
    BEGIN { printf "\"" }
    NR > 1 { printf "\\n" }
    {
      gsub(/\\/, "&&"); gsub(/"/, "\\\""); gsub(/\t/, "\\t"); gsub(/\r/, "\\r")
      printf "%s", $0
    }
    END { print "\"" }'
}

# json_text TEXT: prints TEXT as a JSON string; an empty one as null.
# shellcheck disable=SC2329 # not every script calls it
json_text() {
  case $1 in
  '') printf 'null\n' ;;
  # what needs no escaping needs no processes: this is called for hundreds of values
  *[!\ -~]* | *[\"\\]*) printf '%s\n' "$1" | json_string ;;
  *) printf '"%s"\n' "$1" ;;
  esac
}

# json_object [NAME JSON]...: prints an object on one line; the values are JSON already.
# shellcheck disable=SC2329 # not every script calls it
json_object() {
  local separator
  separator=
  printf '{'
  while [ $# -ge 2 ]; do
    printf '%s"%s": %s' "$separator" "$1" "$2"
    separator=', '
    shift 2
  done
  printf '}\n'
}

# json_evidence: reads evidence lines on stdin and prints {"checks": [...], "summary": {...}}. Every value is a text,
# but the counts of the summary, which are numbers.
# shellcheck disable=SC2329 # not every script calls it
json_evidence() {
  awk '
    function quoted(text) {
      gsub(/\\/, "&&", text); gsub(/"/, "\\\"", text)
      return "\"" text "\""
    }
    # the words of the line, without their quoting, into words[1..n]
    function split_words(line,    i, n, c, word, open) {
      n = 0; word = ""; open = 0
      for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "\\") { i++; word = word substr(line, i, 1); open = 1 }
        else if (c == " ") { if (open) words[++n] = word; word = ""; open = 0 }
        else if (c == "\047") open = 1
        else { word = word c; open = 1 }
      }
      if (open) words[++n] = word
      return n
    }
    {
      n = split_words($0); object = ""; summary = 0
      for (w = 2; w <= n; w++) {
        at = index(words[w], "=")
        key = substr(words[w], 1, at - 1); value = substr(words[w], at + 1)
        if (key == "check" && value == "summary") summary = 1
        number = summary && value ~ /^[0-9]+$/ && key != "detail"
        object = object (object == "" ? "" : ", ") quoted(key) ": " (number ? value : quoted(value))
      }
      if (summary) last = object
      else checks = checks (checks == "" ? "" : ",\n") "  {" object "}"
    }
    END { printf "{\"checks\": [\n%s\n], \"summary\": {%s}}\n", checks, last }'
}
