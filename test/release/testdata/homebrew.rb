# Plays a formula as Homebrew does: ruby homebrew.rb FORMULA SYSTEM PROCESSOR prints the archive
# that is downloaded there and its hash; with a directory after that, the unpacked archive, it
# also runs the installation into ./prefix, and the formula's test.
require "fileutils"
require "pathname"

FORMULA, SYSTEM, PROCESSOR, UNPACKED = ARGV

class Pathname
  def install(files)
    mkpath
    files.each { |f| FileUtils.mv(f, self) }
  end
end

class Formula
  class << self
    attr_reader :stated, :check

    %i[desc homepage version license url sha256].each do |name|
      define_method(name) do |value|
        @stated ||= {}
        raise "#{name} is said twice" if @stated.key?(name)
        @stated[name] = value
      end
    end

    def on_macos = SYSTEM == "darwin" && yield
    def on_linux = SYSTEM == "linux" && yield
    def on_arm = PROCESSOR == "arm64" && yield
    def on_intel = PROCESSOR == "amd64" && yield
    def test(&block) = @check = block
  end

  def prefix = Pathname("prefix").expand_path(HERE)
  def bin = prefix/"bin"
  def shell_output(command) = `#{command}`.tap { raise "#{command}: #{$?}" unless $?.success? }
  def assert_match(want, text) = text.include?(want) || raise("no #{want} in #{text}")
end

HERE = Dir.pwd
load FORMULA
stated = Credhelper.stated
%i[desc homepage version license url sha256].each { |name| raise "no #{name}" unless stated[name] }
raise "a description has at most 80 characters and no article" if stated[:desc].size > 80 || stated[:desc] =~ /\Aan? /i
puts stated[:url], stated[:sha256]
if UNPACKED
  formula = Credhelper.new
  Dir.chdir(UNPACKED) { formula.install }
  formula.instance_eval(&Credhelper.check)
end
