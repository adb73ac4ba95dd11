# How a terminal begins: as a login does, but for the PATH that /etc/profile sets. The environment's programs come first.
STUDIOLO_PROGRAMS=${PATH%%:*}
[ -r /etc/profile ] && . /etc/profile
PATH=$STUDIOLO_PROGRAMS:$PATH
unset STUDIOLO_PROGRAMS
eval "$(python -I -m studiolo_packages 2>/dev/null)" # what the person installed with pip
for STUDIOLO_FILE in ~/.bash_profile ~/.bash_login ~/.profile ~/.bashrc; do
    if [ -r "$STUDIOLO_FILE" ]; then
        . "$STUDIOLO_FILE"
        break
    fi
done
unset STUDIOLO_FILE
