package protocol

// pnpm's tokenHelper (pnpm.io/npmrc; pnpm 8 and later).
//
//	argv    nothing: up to pnpm 10 the setting is an absolute path without
//	        arguments, so the profile is in the link's name
//	stdout  the complete value of Authorization
//
// pnpm 11 and later add "Bearer " to a value without a scheme; earlier ones send the
// text unchanged. "Bearer TOKEN" is right for all. After a failure pnpm sends the
// request without a token.
//
// pnpm sends the value to the registry in the setting's key, and does not tell us which
// that is: the user decides by writing that line.

var pnpm = Dialect{
	Name:   "pnpm",
	Link:   "credhelper-pnpm",
	Title:  "pnpm tokenHelper: the whole header value",
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
