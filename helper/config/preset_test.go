package config

import "testing"

// TestPlaceholders: a preset is used as it is only if nothing in it is to be replaced,
// however that is written.
func TestPlaceholders(t *testing.T) {
	for text, want := range map[string]string{
		`token_url = "https://login.example.com/token"`:    "https://login.example.com/token",
		`token_url = "{url}/token"`:                        "https://api.example.com/token",
		"token_url = \"\\u007burl}/token\"":                "https://api.example.com/token",
		`token_url = "https://{tenant}.example.com/token"`: "https://acme.example.com/token",
	} {
		preset, err := ReadPreset("mine", "/presets/mine.toml", []byte("title = \"Mine\"\nsource = [\"https://example.com\"]\ndate = \"2026-01-01\"\n[profile]\n"+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		r := Resolver{Preset: func(string) (*Preset, error) { return preset, nil }}
		p, err := r.Profile("demo", "demo.toml", []byte("preset = \"mine\"\nurl = \"https://api.example.com\"\ntenant = \"acme\"\nclient_id = \"c\"\n"))
		if err != nil || p.TokenURL != want {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
}
