# count_files FOLDER: how many files are in it.
count_files()
{
  find "$1" -maxdepth 1 -type f | wc -l
}
