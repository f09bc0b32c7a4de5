package protocol

// pnpm's tokenHelper (pnpm.io/npmrc; pnpm 8 and later).
//
//	argv    nothing: up to pnpm 10 the setting is an absolute path without
//	        arguments, so the profile is in the link's name
//	stdout  the whole value of Authorization
//
// pnpm 11 and later adds "Bearer " to a value without a scheme; earlier ones send
// the text as it is. "Bearer TOKEN" is right for all. A failure is an exit code;
// the request then goes out without a token.
//
// pnpm sends the value to the registry that the setting is written for, and does
// not say which that is: the profile's owner decides by writing the line.

var pnpm = Dialect{
	Name:   "pnpm",
	Link:   "credhelper-pnpm",
	Title:  "pnpm tokenHelper: the whole header value",
	Bare:   "the owner's own .npmrc says for which host; it cannot say that this is by https only (docs/dialects/pnpm.md)",
	Front:  true,
	Decode: decodePnpm,
	Encode: encodePnpm,
	Refuse: ownRefusal,
}

func decodePnpm(call Call) (Request, error) {
	r, rest, err := commonFlags(call)
	if err != nil {
		return r, err
	}
	err = nameOrURL(&r, rest)
	return r, err
}

func encodePnpm(_ Request, c Credential) ([]byte, error) {
	if err := authorizationOnly(c, "pnpm"); err != nil {
		return nil, err
	}
	return bounded([]byte(headerValue(c) + "\n"))
}
