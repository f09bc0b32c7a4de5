# nix-build credhelper.nix, or callPackage it.
{ pkgs ? import <nixpkgs> { } }:
let
  archives = {
    x86_64-linux = { url = "{{archive "linux/amd64" | url}}"; sha256 = "{{archive "linux/amd64" | sha256}}"; };
    aarch64-linux = { url = "{{archive "linux/arm64" | url}}"; sha256 = "{{archive "linux/arm64" | sha256}}"; };
    x86_64-darwin = { url = "{{archive "darwin/amd64" | url}}"; sha256 = "{{archive "darwin/amd64" | sha256}}"; };
    aarch64-darwin = { url = "{{archive "darwin/arm64" | url}}"; sha256 = "{{archive "darwin/arm64" | sha256}}"; };
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
    platforms = builtins.attrNames archives;
  };
}
