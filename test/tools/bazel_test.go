//go:build tools

package tools

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bazel itself is in no package source: its launcher downloads it. Instead, this does what
// Bazel does with a helper, in Bazel's language and with its own means (bazelbuild/bazel,
// authandtls/credentialhelper): one argument; the request without a newline; the process is
// waited for before its output is read; and the expiry is parsed by the pattern of Bazel's
// formatter, which accepts neither fractions of a second nor lower-case letters.
const bazelPart = `
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.time.*;
import java.time.format.*;
import java.util.concurrent.TimeUnit;
import java.util.regex.*;

public class Part {
	static final DateTimeFormatter FORMATTER = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ssXXX")
		.withZone(ZoneId.from(ZoneOffset.UTC)).withResolverStyle(ResolverStyle.LENIENT);

	public static void main(String[] args) throws Exception {
		Process helper = new ProcessBuilder(args[0], "get").start();
		try (Writer stdin = new OutputStreamWriter(helper.getOutputStream(), StandardCharsets.UTF_8)) {
			stdin.write("{\"uri\":\"" + args[1] + "\"}");
		}
		if (!helper.waitFor(10, TimeUnit.SECONDS)) {
			throw new IOException("process timed out");
		}
		if (helper.exitValue() != 0) {
			System.err.print("process exited with code " + helper.exitValue() + ". stderr: "
				+ new String(helper.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
			System.exit(1);
		}
		String answer = new String(helper.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		Matcher expires = Pattern.compile("\"expires\":\"([^\"]*)\"").matcher(answer);
		System.out.println(expires.find() ? Instant.from(FORMATTER.parse(expires.group(1))).getEpochSecond() : 0);
		System.out.print(answer);
	}
}
`

// bazelHelper is the helper that .bazelrc names.
func (w *world) bazelHelper() string {
	w.t.Helper()
	content, err := os.ReadFile(w.home + "/.bazelrc")
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(content), "\ncommon --credential_helper=")
	if !ok {
		w.t.Fatalf("no helper in %s", content)
	}
	line, _, _ := strings.Cut(rest, "\n")
	if host, path, scoped := strings.Cut(line, "="); scoped {
		w.t.Logf("asked for %s only", host)
		line = path
	}
	return line
}

// bazelFetch asks the helper as Bazel does and sends the headers.
func (w *world) bazelFetch(part, url string) (status int, expires int64) {
	w.t.Helper()
	out := w.ok(nil, "java", part, w.bazelHelper(), url)
	seconds, answer, _ := strings.Cut(out, "\n")
	var response struct{ Headers map[string][]string } // a string instead of a list is an error, as in Bazel
	if err := json.Unmarshal([]byte(answer), &response); err != nil {
		w.t.Fatalf("%v: %s", err, answer)
	}
	expires, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range response.Headers {
		request.Header[name] = values
	}
	got, err := trusting().Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	got.Body.Close()
	return got.StatusCode, expires
}

// TestBazelsPart: a download through the helper that setup configures; another host gets no
// header, and a failure is shown.
func TestBazelsPart(t *testing.T) {
	for _, named := range []string{"", "work"} {
		t.Run(fmt.Sprintf("profile %q", named), func(t *testing.T) {
			w := newWorld(t)
			files := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "a file") })
			site, stranger := w.site("Bearer", files), w.stranger("Bearer", files)
			w.profile("work", site.URL)
			w.setup(strings.Fields("bazel " + named)...)
			part := w.write("Part.java", bazelPart)

			status, expires := w.bazelFetch(part, site.URL+"/cas/file")
			if left := time.Until(time.Unix(expires, 0)); status != http.StatusOK || left < time.Minute || left > 24*time.Hour {
				t.Errorf("status %d, the credentials end in %v", status, left)
			}
			site.served(t)
			if status, expires := w.bazelFetch(part, stranger.URL+"/cas/file"); status != http.StatusUnauthorized || expires != 0 {
				t.Errorf("another host: status %d, an end at %d", status, expires)
			}
			stranger.asked(t)
			w.requests(1)

			w.ok(nil, "credhelper", "cache", "clear")
			w.refuseSecret()
			if r := w.fails(nil, "java", part, w.bazelHelper(), site.URL+"/cas/file"); !strings.Contains(r.stderr, "code 1. stderr: credhelper: profile work") {
				t.Errorf("the reason is not shown: %s", r.stderr)
			}
		})
	}
}
