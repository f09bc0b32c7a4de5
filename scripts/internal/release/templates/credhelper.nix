# nix-build credhelper.nix, or callPackage it.
{ pkgs ? import <nixpkgs> { } }:
let
  archives = {
    x86_64-linux = { url = "{{url "linux/amd64"}}"; sha256 = "{{sha256 "linux/amd64"}}"; };
    aarch64-linux = { url = "{{url "linux/arm64"}}"; sha256 = "{{sha256 "linux/arm64"}}"; };
    x86_64-darwin = { url = "{{url "darwin/amd64"}}"; sha256 = "{{sha256 "darwin/amd64"}}"; };
    aarch64-darwin = { url = "{{url "darwin/arm64"}}"; sha256 = "{{sha256 "darwin/arm64"}}"; };
  };
in
pkgs.stdenvNoCC.mkDerivation {
  pname = "credhelper";
  version = "{{.Number}}";
  src = pkgs.fetchurl archives.${pkgs.stdenv.hostPlatform.system};
  dontStrip = true;
  installPhase = "mkdir $out && cp -R . $out";
  meta = {
    description = "{{.About}}";
    homepage = "{{.Home}}";
    license = pkgs.lib.licenses.asl20;
    mainProgram = "credhelper";
  };
}
